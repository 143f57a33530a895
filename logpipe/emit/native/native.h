/* What the parts of `logpipe.emit._native` share. */
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "shared_file.h"

extern PyTypeObject SharedFile_Type, Writer_Type, Bound_Type, Filter_Type;

/* Appends without the GIL; -1 with OSError set where nothing of the line is in the file. `rotated` is only ever set. */
int shared_file_append(PyObject *file, const char *line, size_t length, int64_t time_us, bool *rotated);

enum { MOST_NESTED = 32 }; /* records within one another; as in nesting.py */

typedef enum {
  ASIDE,   /* the Python path must see to it; nothing has happened */
  WRITTEN, /* or dropped and counted */
  RAISED,  /* an exception is set, which is no Exception: the application's own end */
} Outcome;

/* Of `given`: what is later goes before. */
enum { SPAN, CONTEXT, OWN, LEVEL_NAME, CALL, MOST_GIVEN };

/* What a front end knows of a record; borrowed references, NULL for what there is not. */
typedef struct {
  int64_t time_us;
  bool is_now;  /* the time is `wall_us`, a moment ago */
  int level;  /* its place in LEVELS: TRACE DEBUG INFO WARNING ERROR CRITICAL */
  int stream; /* its place in EMITTED_STREAMS: app error performance business */
  PyObject *logger, *message, *template, *thread;
  PyObject *given[MOST_GIVEN]; /* dicts of the caller's fields */
  bool of_log_record;          /* OWN is a LogRecord's dict: its standard attributes are no fields */
  PyObject *exc_info;          /* what `describe` takes */
  PyObject *module, *function; /* where there is no `place` */
  PyObject *place;             /* bytes: module, function and line, rendered */
  long line, process; /* process 0: unknown */
} Parts;

typedef struct Writer Writer;

/* What `time.time` tells, as LogRecords have it: tests and tools put another clock in its place. */
int64_t wall_us(void);

Outcome writer_write(Writer *writer, Parts *parts);

/* Counts the calls of this thread that are within one another. False: too many, the record was dropped and counted. */
bool writer_enter(Writer *writer);
void writer_leave(void);

/* Calls a function one record deeper; False where that is too deep. */
PyObject *within(PyObject *module, PyObject *const *args, Py_ssize_t count);

long writer_process(const Writer *writer);

/* The message with its arguments put in, a new reference; NULL where that is not for C, maybe with an exception set. */
PyObject *message_of(PyObject *template, PyObject *args);

/* What an exception that is set means. */
Outcome aside_or_raised(void);

int level_at_or_below(long number);
extern const long LEVEL_NUMBERS[6];

const char *level_text(int level);

int writer_init(void);
int calls_init(void);
PyObject *calls_methods(void);
PyObject *calls_activate(PyObject *module, PyObject *args);
PyObject *calls_deactivate(PyObject *module, PyObject *unused);

int bound_init(void);
PyObject *bound_activate(PyObject *module, PyObject *args);
PyObject *bound_deactivate(PyObject *module, PyObject *writer);
PyObject *bound_end_by(PyObject *module, PyObject *args);
