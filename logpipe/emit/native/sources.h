/* What `Writer` takes of the front ends. */
#pragma once

#include "native.h"

int sources_init(void);

/* The stream and the fields of an `entry.Call`. */
bool take_call(Parts *parts, PyObject *call);

/* The level at or below a number of Python's; where it is another, its name is a field. */
bool take_level(Parts *parts, long number, PyObject *name, PyObject **level_name);

PyObject *writer_handle(PyObject *writer, PyObject *record);
PyObject *writer_loguru(PyObject *writer, PyObject *record);
PyObject *writer_structlog(PyObject *writer, PyObject *event);

/* An event of structlog, and one whose message is in its dict. */
Outcome event_write(Writer *writer, int level, PyObject *logger, PyObject *message, PyObject *fields, PyFrameObject *frame);
Outcome event_write_dict(Writer *writer, int level, PyObject *logger, PyObject *given, PyFrameObject *frame);
