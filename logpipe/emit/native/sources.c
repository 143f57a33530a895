/* What `Writer` takes of the front ends: a LogRecord, loguru's record. Each gives True, or False where it is for Python. */
#include "sources.h"

#include <datetime.h>

#include "place.h"

#include <math.h>

/* A LogRecord */

typedef struct {
  PyObject *levelno, *levelname, *name, *msg, *args, *created, *exc_info, *exc_text, *stack_info, *module, *funcName,
      *lineno, *process, *threadName, *logpipe_call, *level_name, *event, *module_name, *level, *no, *thread, *time, *line, *extra, *exception, *message,
      *function, *utcoffset;
} Names;

static Names names;
static PyObject *log_record; /* logging.LogRecord */
static PyObject *streams[4];
static PyTypeObject *fixed_zone; /* datetime.timezone */

static const char *const METHODS[] = {NULL, "debug", "info", "warning", "error", "critical"};

/* Keys of an event that say more than a field does, and are neither the record's nor a LogRecord's. */
static PyObject *unusual[3];

#define intern(field) (names.field = PyUnicode_InternFromString(#field))

int sources_init(void) {
  static const char *const STREAMS[] = {"app", "error", "performance", "business"};
  static const char *const UNUSUAL[] = {"positional_args", "exception", "logger_name"};
  for (int i = 0; i < 3; i++)
    if (!(unusual[i] = PyUnicode_InternFromString(UNUSUAL[i]))) return -1;
  for (int i = 0; i < 4; i++)
    if (!(streams[i] = PyUnicode_InternFromString(STREAMS[i]))) return -1;
  PyDateTime_IMPORT;
  if (!PyDateTimeAPI) return -1;
  fixed_zone = Py_TYPE(PyDateTime_TimeZone_UTC);
  PyObject *logging = PyImport_ImportModule("logging");
  log_record = logging ? PyObject_GetAttrString(logging, "LogRecord") : NULL;
  Py_XDECREF(logging);
  return log_record && intern(levelno) && intern(levelname) && intern(name) && intern(msg) && intern(args) &&
                 intern(created) && intern(exc_info) && intern(exc_text) && intern(stack_info) && intern(module) &&
                 intern(funcName) && intern(lineno) && intern(process) && intern(threadName) &&
                 intern(logpipe_call) && intern(level_name) && intern(event) && intern(level) && intern(no) && intern(thread) && intern(time) && intern(line) &&
                 intern(extra) && intern(exception) && intern(message) && intern(function) && intern(utcoffset) &&
                 (names.module_name = PyUnicode_InternFromString("__name__"))
             ? 0
             : -1;
}

static PyObject *outcome_for_python(Outcome outcome) {
  return outcome == RAISED ? NULL : PyBool_FromLong(outcome == WRITTEN);
}

static int get_if_there(PyObject *object, PyObject *name, PyObject **value) {
#if PY_VERSION_HEX >= 0x030D0000
  return PyObject_GetOptionalAttr(object, name, value);
#else
  return _PyObject_LookupAttr(object, name, value);
#endif
}

static bool is_set(PyObject *value) { return value && value != Py_None; }

static PyObject *if_text(PyObject *value) { return value && PyUnicode_CheckExact(value) ? value : NULL; }

bool take_call(Parts *parts, PyObject *call) {
  if (!PyTuple_Check(call) || PyTuple_GET_SIZE(call) != 2 || !PyDict_CheckExact(PyTuple_GET_ITEM(call, 1))) return false;
  for (int i = 0; i < 4; i++) {
    if (PyTuple_GET_ITEM(call, 0) != streams[i]) continue;
    parts->stream = i;
    parts->given[CALL] = PyTuple_GET_ITEM(call, 1);
    return true;
  }
  return false;
}

bool take_level(Parts *parts, long number, PyObject *name, PyObject **level_name) {
  parts->level = level_at_or_below(number);
  parts->stream = parts->level >= 4;
  if (LEVEL_NUMBERS[parts->level] == number) return true;
  if (!name || !(*level_name = Py_BuildValue("{O:O}", names.level_name, name))) return false;
  parts->given[LEVEL_NAME] = *level_name;
  return true;
}

static bool of_log_record(Parts *parts, PyObject *fields, PyObject **message, PyObject **level_name) {
#define get(field) PyDict_GetItemWithError(fields, names.field)
  PyObject *template = Py_XNewRef(get(msg)), *args = Py_XNewRef(get(args));
  *message = template ? message_of(template, args) : NULL; /* first: it may run code that changes the record */
  bool formatted = is_set(args) && PyObject_IsTrue(args) > 0, changed = template != get(msg) || args != get(args);
  Py_XDECREF(template), Py_XDECREF(args);
  if (!*message || changed) return false;
  PyObject *number = get(levelno), *created = get(created), *line = get(lineno);
  PyObject *process = get(process), *call = get(logpipe_call), *exc_info = get(exc_info);
  if (!number || !PyLong_CheckExact(number) || !created || !PyFloat_CheckExact(created) || !line) return false;
  if (!PyLong_CheckExact(line) || is_set(get(stack_info)) || !is_set(args)) return false; /* None: a queue formatted it */
  parts->logger = if_text(get(name)), parts->module = if_text(get(module)), parts->function = if_text(get(funcName));
  parts->thread = if_text(get(threadName));
  if (!parts->logger || !parts->module || !parts->function || (is_set(get(threadName)) && !parts->thread)) return false;
  if (exc_info && PyTuple_Check(exc_info) && PyTuple_GET_SIZE(exc_info)) parts->exc_info = exc_info;
  if ((is_set(exc_info) && exc_info != Py_False && !parts->exc_info) || (!parts->exc_info && is_set(get(exc_text)))) return false;
  if (is_set(process) && !PyLong_CheckExact(process)) return false;
  parts->process = is_set(process) ? PyLong_AsLong(process) : 0;
  if (is_set(process) && !parts->process) return false;
  parts->line = PyLong_AsLong(line);
  if (!(fabs(PyFloat_AS_DOUBLE(created)) < 1e11)) return false;
  parts->time_us = llrint(PyFloat_AS_DOUBLE(created) * 1e6);
  if (!take_level(parts, PyLong_AsLong(number), get(levelname), level_name)) return false;
  if (call && !take_call(parts, call)) return false;
  parts->message = *message;
  if (formatted) parts->template = template;
  return !PyErr_Occurred();
#undef get
}

PyObject *writer_handle(PyObject *object, PyObject *record) {
  Writer *writer = (Writer *)object;
  if ((PyObject *)Py_TYPE(record) != log_record) Py_RETURN_FALSE;
  if (!writer_enter(writer)) return PyErr_Occurred() ? NULL : Py_NewRef(Py_True);
  Parts parts = {.of_log_record = true};
  PyObject *fields = PyObject_GenericGetDict(record, NULL), *message = NULL, *level_name = NULL;
  Outcome outcome = ASIDE;
  parts.given[OWN] = fields;
  if (fields && of_log_record(&parts, fields, &message, &level_name))
    outcome = writer_write(writer, &parts);
  else
    outcome = aside_or_raised();
  Py_XDECREF(message), Py_XDECREF(level_name), Py_XDECREF(fields);
  writer_leave();
  return outcome_for_python(outcome);
}

/* loguru's record */

static PyObject *attribute(PyObject *record, PyObject *item, PyObject *name) {
  PyObject *holder = PyDict_GetItemWithError(record, item);
  return holder ? PyObject_GetAttr(holder, name) : NULL;
}

static long number_of(PyObject *record, PyObject *item, PyObject *name) {
  PyObject *value = attribute(record, item, name);
  long number = value ? PyLong_AsLong(value) : -1;
  Py_XDECREF(value);
  return number;
}

/* Days since 1970 of a date; https://howardhinnant.github.io/date_algorithms.html#days_from_civil */
static int64_t days_of(int64_t year, int month, int day) {
  year -= month <= 2;
  int64_t era = year / 400, of_era = year - era * 400;
  int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* The time of an aware datetime, which may be of a class of its own. */
static bool take_time(Parts *parts, PyObject *time) {
  PyObject *zone = time && PyDateTime_Check(time) ? PyDateTime_DATE_GET_TZINFO(time) : Py_None;
  PyObject *offset = zone != Py_None ? PyObject_CallMethodOneArg(zone, names.utcoffset, Py_None) : NULL;
  bool taken = offset && PyDelta_Check(offset);
  if (taken) {
    int64_t seconds = days_of(PyDateTime_GET_YEAR(time), PyDateTime_GET_MONTH(time), PyDateTime_GET_DAY(time)) * 86400;
    seconds += PyDateTime_DATE_GET_HOUR(time) * 3600 + PyDateTime_DATE_GET_MINUTE(time) * 60 + PyDateTime_DATE_GET_SECOND(time);
    seconds -= PyDateTime_DELTA_GET_DAYS(offset) * INT64_C(86400) + PyDateTime_DELTA_GET_SECONDS(offset);
    parts->time_us = seconds * 1000000 + PyDateTime_DATE_GET_MICROSECOND(time) - PyDateTime_DELTA_GET_MICROSECONDS(offset);
    taken = Py_IS_TYPE(zone, fixed_zone); /* another's offset depends on the time */
  }
  Py_XDECREF(offset);
  return taken;
}

static bool of_loguru(Parts *parts, PyObject *record, PyObject *name_of_level, PyObject *thread, PyObject **level_name) {
#define get(field) PyDict_GetItemWithError(record, names.field)
  PyObject *line = get(line), *name = get(name);
  if (get(exception) != Py_None || !name_of_level || !line || !PyLong_CheckExact(line)) return false;
  parts->given[OWN] = get(extra);
  if (!parts->given[OWN] || !PyDict_CheckExact(parts->given[OWN])) return false;
  parts->message = if_text(get(message)), parts->module = if_text(get(module)), parts->function = if_text(get(function));
  parts->logger = if_text(name), parts->thread = if_text(thread);
  if (!parts->message || !parts->module || !parts->function || !parts->thread || (is_set(name) && !parts->logger))
    return false;
  if (parts->logger && !PyUnicode_GET_LENGTH(parts->logger)) parts->logger = NULL;
  parts->line = PyLong_AsLong(line);
  long number = number_of(record, names.level, names.no);
  if (PyErr_Occurred() || !take_time(parts, get(time))) return false;
  if (!take_level(parts, number, name_of_level, level_name)) return false;
  return *level_name || PyUnicode_CompareWithASCIIString(name_of_level, level_text(parts->level)) == 0;
#undef get
}

PyObject *writer_loguru(PyObject *object, PyObject *record) {
  Writer *writer = (Writer *)object;
  if (!PyDict_CheckExact(record)) Py_RETURN_FALSE;
  if (!writer_enter(writer)) return PyErr_Occurred() ? NULL : Py_NewRef(Py_True);
  Parts parts = {0};
  PyObject *name = attribute(record, names.level, names.name), *thread = attribute(record, names.thread, names.name);
  PyObject *level_name = NULL;
  Outcome outcome = ASIDE;
  parts.process = writer_process(writer); /* as loguru asks the system for each record */
  if (of_loguru(&parts, record, name, thread, &level_name))
    outcome = writer_write(writer, &parts);
  else
    outcome = aside_or_raised();
  Py_XDECREF(name), Py_XDECREF(thread), Py_XDECREF(level_name);
  writer_leave();
  return outcome_for_python(outcome);
}

/* An event of structlog: its logger, the method that was called, the event dict, a frame of the call */

static PyObject *without(PyObject *fields, PyObject *name) {
  PyObject *rest = PyDict_Copy(fields);
  if (rest && PyDict_DelItem(rest, name)) Py_CLEAR(rest);
  return rest;
}

static bool is_usual(PyObject *fields) {
  for (size_t i = 0; i < sizeof unusual / sizeof *unusual; i++)
    if (PyDict_GetItemWithError(fields, unusual[i])) return false;
  return true;
}

static int level_of_method(PyObject *method) {
  for (int level = 1; level < 6; level++)
    if (PyUnicode_Check(method) && PyUnicode_CompareWithASCIIString(method, METHODS[level]) == 0) return level;
  return -1;
}

/* The name that the logger has, else that of the module that called; a new reference. */
static PyObject *name_of(PyObject *logger, PyFrameObject *frame) {
  PyObject *name = NULL, *globals;
  if (get_if_there(logger, names.name, &name) < 0) return NULL;
  if (name && PyUnicode_CheckExact(name) && PyUnicode_GET_LENGTH(name) && PyUnicode_CompareWithASCIIString(name, "root"))
    return name;
  bool is_text = name && PyUnicode_Check(name); /* logging's root has a name that names nothing */
  Py_XDECREF(name);
  if (is_text) return NULL; /* Python sees to it */
  globals = PyFrame_GetGlobals(frame);
  name = if_text(PyDict_GetItemWithError(globals, names.module_name));
  name = name && PyUnicode_GET_LENGTH(name) ? Py_NewRef(name) : NULL;
  Py_DECREF(globals);
  return name;
}

typedef struct {
  PyObject *logger, *thread;
  PyFrameObject *frame;
} Held;

static bool of_event(Parts *parts, PyObject *logger, PyFrameObject *frame, Held *held) {
  if (!PyUnicode_CheckExact(parts->message) || !is_usual(parts->given[OWN])) return false;
  if (!(held->frame = outside(frame))) return false;
  parts->logger = held->logger = name_of(logger, held->frame);
  return parts->logger && (parts->thread = held->thread = thread_name()) && take_place(parts, held->frame);
}

Outcome event_write(Writer *writer, int level, PyObject *logger, PyObject *message, PyObject *fields, PyFrameObject *frame) {
  if (!writer_enter(writer)) return PyErr_Occurred() ? RAISED : WRITTEN;
  Parts parts = {.level = level, .stream = level >= 4, .message = message, .time_us = wall_us(), .is_now = true};
  Held held = {0};
  parts.process = writer_process(writer), parts.given[OWN] = fields;
  Outcome outcome = of_event(&parts, logger, frame, &held) ? writer_write(writer, &parts) : aside_or_raised();
  Py_XDECREF(held.logger);
  Py_XDECREF(held.thread);
  Py_XDECREF(held.frame);
  writer_leave();
  return outcome;
}

Outcome event_write_dict(Writer *writer, int level, PyObject *logger, PyObject *given, PyFrameObject *frame) {
  PyObject *message = PyDict_CheckExact(given) ? Py_XNewRef(PyDict_GetItemWithError(given, names.event)) : NULL;
  PyObject *fields = message ? without(given, names.event) : NULL;
  Outcome outcome = fields ? event_write(writer, level, logger, message, fields, frame) : aside_or_raised();
  Py_XDECREF(message);
  Py_XDECREF(fields);
  return outcome;
}

PyObject *writer_structlog(PyObject *object, PyObject *event) {
  if (!PyTuple_Check(event) || PyTuple_GET_SIZE(event) != 4) Py_RETURN_FALSE;
  PyObject *given = PyTuple_GET_ITEM(event, 2), *frame = PyTuple_GET_ITEM(event, 3);
  int level = level_of_method(PyTuple_GET_ITEM(event, 1));
  if (level < 0 || !PyDict_CheckExact(given) || !PyFrame_Check(frame)) Py_RETURN_FALSE;
  return outcome_for_python(
      event_write_dict((Writer *)object, level, PyTuple_GET_ITEM(event, 0), given, (PyFrameObject *)frame));
}
