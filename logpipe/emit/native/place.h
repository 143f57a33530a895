/* Where a record was made. */
#pragma once

#include "native.h"

int place_init(void);

/* Module, function and line of a frame, rendered, and kept. */
bool take_place(Parts *parts, PyFrameObject *frame);

/* The frame that called into logging, `level` steps out as `stacklevel` counts them; a new reference. */
PyFrameObject *caller(long level);

/* The innermost frame that is not structlog's; a new reference. */
PyFrameObject *outside(PyFrameObject *frame);

/* Of the thread that calls, a new reference. */
PyObject *thread_name(void);
