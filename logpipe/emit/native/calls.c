/* The calls of a logger, without a LogRecord: where one handler, ours, is all that would see it, and nothing was changed
 * in `logging`, the record goes to the Writer at once. Else, and for all that is unusual, `logging` does what it does.
 */
#include "native.h"

#include "place.h"
#include "sources.h"

enum { DEBUG, INFO, WARNING, ERROR, EXCEPTION, CRITICAL, LOG, CALLS };

static const char *const CALL_NAMES[] = {"debug", "info", "warning", "error", "exception", "critical", "log"};
static const int CALL_NUMBERS[] = {10, 20, 30, 40, 40, 50, 0};

/* What a record runs through in `logging.Logger`; who patches one of these wants to see LogRecords. */
static const char *const STEPS[] = {"_log", "makeRecord", "handle", "callHandlers", "filter", "isEnabledFor", "findCaller"};
enum { MOST_STEPS = sizeof STEPS / sizeof *STEPS, OWN_ATTRIBUTES = 9, MAKE_RECORD = 1 };

static PyObject *call_names[CALLS], *plain_calls[CALLS], *step_names[MOST_STEPS], *steps[MOST_STEPS], *level_numbers[CALLS];
static PyTypeObject *logger_type;
static PyObject *logging_dict, *log_record;
static Writer *writer; /* both are of now: code of the application may set up or close; see Ours */
static PyObject *handler;
static unsigned versions[2][CALLS]; /* of the classes when their steps were last seen to be plain */
static PyObject *makers[2]; /* `makeRecord` of these: */
static PyTypeObject *loggers[2]; /* whose calls these are: another class may do otherwise */
static PyObject *disabled_, *cache_, *filters_, *handlers_, *propagate_, *parent_, *name_, *level_, *factory_, *call_, *source_, *handle_, *manager_, *extra_, *levelno_, *log_threads, *log_processes;

/* Who takes a call, held until it ends. */
typedef struct {
  Writer *writer;
  PyObject *handler;
} Ours;

static PyObject *text(const char *words) { return PyUnicode_InternFromString(words); }

int calls_init(void) {
  PyObject *logging = PyImport_ImportModule("logging");
  if (!logging) return -1;
  logger_type = (PyTypeObject *)PyObject_GetAttrString(logging, "Logger");
  log_record = PyObject_GetAttrString(logging, "LogRecord");
  logging_dict = Py_XNewRef(PyModule_GetDict(logging));
  Py_DECREF(logging);
  for (int i = 0; i < CALLS; i++) {
    call_names[i] = text(CALL_NAMES[i]), level_numbers[i] = PyLong_FromLong(CALL_NUMBERS[i]);
    if (!call_names[i] || !level_numbers[i]) return -1;
  }
  for (int i = 0; i < MOST_STEPS; i++)
    if (!(step_names[i] = text(STEPS[i]))) return -1;
  disabled_ = text("disabled"), cache_ = text("_cache"), filters_ = text("filters"), handlers_ = text("handlers");
  propagate_ = text("propagate"), parent_ = text("parent"), name_ = text("name"), level_ = text("level");
  factory_ = text("_logRecordFactory"), call_ = text("logpipe_call"), source_ = text("_srcfile"), handle_ = text("handle");
  manager_ = text("manager"), extra_ = text("extra"), levelno_ = text("levelno");
  log_threads = text("logThreads"), log_processes = text("logProcesses");
  return log_record && extra_ && levelno_ && log_threads && log_processes ? 0 : -1;
}

static PyObject *plain(PyObject *name) { return _PyType_Lookup(logger_type, name); }

/* The function of that name if it is logging's own; None where somebody has put another in its place. */
static PyObject *own(PyObject *name) {
  PyObject *function = plain(name);
  if (function && PyFunction_Check(function)) {
    PyObject *path = ((PyCodeObject *)PyFunction_GetCode(function))->co_filename;
    PyObject *source = PyDict_GetItemWithError(logging_dict, source_);
    if (source && PyUnicode_Check(source) && PyUnicode_Compare(path, source) == 0) return Py_NewRef(function);
  }
  return Py_NewRef(Py_None);
}

/* Both at once: to let go of what was may run code. Takes over the references. */
static void become(Writer *to, PyObject *by) {
  Writer *former = writer;
  PyObject *former_handler = handler;
  writer = to, handler = by;
  Py_XDECREF(former), Py_XDECREF(former_handler);
}

PyObject *calls_activate(PyObject *Py_UNUSED(module), PyObject *args) {
  PyObject *to, *by, *plain_logger, *root_logger;
  if (!PyArg_ParseTuple(args, "O!OO!O!", &Writer_Type, &to, &by, &PyType_Type, &plain_logger, &PyType_Type, &root_logger))
    return NULL;
  Py_XSETREF(loggers[0], (PyTypeObject *)Py_NewRef(plain_logger));
  Py_XSETREF(loggers[1], (PyTypeObject *)Py_NewRef(root_logger));
  for (int i = 0; i < 2; i++) Py_XSETREF(makers[i], Py_XNewRef(_PyType_Lookup(loggers[i], step_names[MAKE_RECORD])));
  for (int i = 0; i < MOST_STEPS; i++) Py_XSETREF(steps[i], own(step_names[i]));
  for (int i = 0; i < CALLS; i++) Py_XSETREF(plain_calls[i], own(call_names[i]));
  memset(versions, 0, sizeof versions);
  become((Writer *)Py_NewRef(to), Py_NewRef(by));
  Py_RETURN_NONE;
}

PyObject *calls_deactivate(PyObject *Py_UNUSED(module), PyObject *by) {
  if (by == handler) become(NULL, NULL);
  Py_RETURN_NONE;
}

/* Whether logging's own code is what it was when it was set up. */
static bool is_untouched(int call) {
  if (plain(call_names[call]) != plain_calls[call]) return false;
  for (int i = 0; i < MOST_STEPS; i++)
    if (plain(step_names[i]) != steps[i]) return false;
  return true;
}

/* Whether the classes of loggers take these steps, too, but for their own `makeRecord`. */
static bool is_class_untouched(PyTypeObject *class) {
  for (int i = 0; i < MOST_STEPS; i++)
    if (_PyType_Lookup(class, step_names[i]) != (i == MAKE_RECORD ? makers[class == loggers[1]] : steps[i])) return false;
  return true;
}

static bool is_factory_own(void) { return PyDict_GetItemWithError(logging_dict, factory_) == log_record; }

/* Whether records are to tell their process and thread. */
static bool is_all_told(void) {
  PyObject *threads = PyDict_GetItemWithError(logging_dict, log_threads);
  return threads == Py_True && PyDict_GetItemWithError(logging_dict, log_processes) == Py_True;
}

static bool is_empty(PyObject *list) { return list && PyList_CheckExact(list) && !PyList_GET_SIZE(list); }

/* 1, 0, or -1 where there is none or its truth is for others to tell. */
static int truth(PyObject *value) {
  return value == Py_True ? 1 : value == Py_False ? 0 : value && PyLong_CheckExact(value) ? PyObject_IsTrue(value) : -1;
}

static bool is_open(PyObject *dict) {
  PyObject *level = PyDict_GetItemWithError(dict, level_);
  return is_empty(PyDict_GetItemWithError(dict, filters_)) && !truth(level);
}

/* A new reference. What is given may be borrowed: to make a dict may collect garbage, and so run code. */
static PyObject *dict_of(PyObject *object) {
  Py_INCREF(object);
  PyObject *dict = PyObject_GenericGetDict(object, NULL);
  Py_DECREF(object);
  return dict;
}

/* Whether our handler is the only one that would see a record of this logger, and nothing filters it. */
static bool is_alone(const Ours *ours, PyObject *dict) {
  bool found = false;
  PyObject *held = Py_NewRef(dict);
  for (;;) {
    PyObject *handlers = PyDict_GetItemWithError(held, handlers_);
    if (!handlers || !PyList_CheckExact(handlers) || PyList_GET_SIZE(handlers) > 1) break;
    if (PyList_GET_SIZE(handlers)) {
      if (found || PyList_GET_ITEM(handlers, 0) != ours->handler) break;
      found = true;
    }
    PyObject *parent = PyDict_GetItemWithError(held, parent_);
    int propagates = truth(PyDict_GetItemWithError(held, propagate_));
    if (propagates < 0) break;
    if (!propagates || !parent || parent == Py_None) {
      Py_DECREF(held);
      return found;
    }
    PyObject *next = dict_of(parent);
    if (!next) break;
    Py_SETREF(held, next);
  }
  Py_DECREF(held);
  PyErr_Clear();
  return false;
}

/* 1, 0, or -1 where logging has to find out. */
static int is_enabled(PyObject *dict, PyObject *level) {
  PyObject *disabled = PyDict_GetItemWithError(dict, disabled_), *cache = PyDict_GetItemWithError(dict, cache_);
  int off = truth(disabled);
  if (off) return off > 0 ? 0 : -1;
  PyObject *enabled = cache && PyDict_CheckExact(cache) ? PyDict_GetItemWithError(cache, level) : NULL;
  return enabled == Py_True ? 1 : enabled == Py_False ? 0 : -1;
}

typedef struct {
  PyObject *extra, *exc_info;
  long stacklevel;
} Options;

static bool read_options(Options *options, PyObject *const *values, PyObject *names) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
    PyObject *name = PyTuple_GET_ITEM(names, i);
    if (name == extra_ || !PyUnicode_CompareWithASCIIString(name, "extra")) {
      if (values[i] != Py_None && !PyDict_CheckExact(values[i])) return false;
      options->extra = values[i] == Py_None ? NULL : values[i];
    } else if (!PyUnicode_CompareWithASCIIString(name, "exc_info")) {
      options->exc_info = values[i];
    } else if (!PyUnicode_CompareWithASCIIString(name, "stacklevel")) {
      if (!PyLong_CheckExact(values[i])) return false;
      options->stacklevel = PyLong_AsLong(values[i]);
      if (options->stacklevel < 1) return false;
    } else {
      return false;
    }
  }
  return !PyErr_Occurred();
}

/* What `Logger._log` makes of `exc_info`; a new reference, or NULL where there is none or an error is set. */
static PyObject *exception_of(PyObject *given) {
  if (PyExceptionInstance_Check(given)) {
    PyObject *trace = PyException_GetTraceback(given);
    return Py_BuildValue("(OON)", Py_TYPE(given), given, trace ? trace : Py_NewRef(Py_None));
  }
  if (PyTuple_Check(given)) return PyTuple_GET_SIZE(given) ? Py_NewRef(given) : NULL;
  PyObject *kind, *error, *trace;
  PyErr_GetExcInfo(&kind, &error, &trace);
  return Py_BuildValue("(NNN)", kind ? kind : Py_NewRef(Py_None), error ? error : Py_NewRef(Py_None),
                       trace ? trace : Py_NewRef(Py_None));
}

static PyObject *arguments_of(PyObject *const *args, Py_ssize_t count) {
  if (count == 1 && !PyDict_CheckExact(args[0]) && PyMapping_Check(args[0]) && !PyUnicode_Check(args[0]) &&
      !PySequence_Check(args[0]))
    return NULL; /* perhaps a Mapping: logging knows */
  if (count == 1 && PyDict_CheckExact(args[0]) && PyDict_GET_SIZE(args[0])) return Py_NewRef(args[0]);
  PyObject *arguments = PyTuple_New(count);
  for (Py_ssize_t i = 0; arguments && i < count; i++) PyTuple_SET_ITEM(arguments, i, Py_NewRef(args[i]));
  return arguments;
}

static bool fill(const Writer *to, Parts *parts, PyObject *dict, long number, PyObject *message, const Options *options) {
  parts->time_us = wall_us(), parts->is_now = true; /* first: it may be the application's */
  PyObject *name = PyDict_GetItemWithError(dict, name_);
  if (!name || !PyUnicode_CheckExact(name)) return false;
  parts->logger = name, parts->message = message, parts->process = writer_process(to);
  parts->level = level_at_or_below(number), parts->stream = parts->level >= 4;
  if (LEVEL_NUMBERS[parts->level] != number) return false;
  PyObject *call = options->extra && PyDict_GET_SIZE(options->extra) == 1 ? PyDict_GetItemWithError(options->extra, call_) : NULL;
  if (!call) {
    parts->given[OWN] = options->extra;
    return true;
  }
  return PyDict_GET_SIZE(options->extra) == 1 && take_call(parts, call);
}

static Outcome write_record(Writer *to, PyObject *dict, long number, PyObject *const *args, Py_ssize_t count, const Options *options) {
  Parts parts = {0};
  PyObject *arguments = count > 1 ? arguments_of(args + 1, count - 1) : NULL, *message = NULL, *exception = NULL;
  PyFrameObject *frame = NULL;
  Outcome outcome = ASIDE;
  bool ready = (count == 1 || arguments) && (message = message_of(args[0], arguments));
  if (ready && arguments) parts.template = args[0];
  if (ready && options->exc_info && PyObject_IsTrue(options->exc_info) > 0)
    parts.exc_info = exception = exception_of(options->exc_info);
  ready = ready && !PyErr_Occurred() && (parts.thread = thread_name()) && (frame = caller(options->stacklevel));
  ready = ready && fill(to, &parts, dict, number, message, options) && take_place(&parts, frame); /* last: it borrows */
  outcome = ready ? writer_write(to, &parts) : aside_or_raised();
  Py_XDECREF(arguments), Py_XDECREF(message), Py_XDECREF(exception), Py_XDECREF(parts.thread), Py_XDECREF(frame);
  return outcome;
}

static Outcome try(Writer *to, PyObject *dict, long number, PyObject *const *args, Py_ssize_t count, const Options *options) {
  if (!writer_enter(to)) return PyErr_Occurred() ? RAISED : WRITTEN;
  Outcome outcome = write_record(to, dict, number, args, count, options);
  writer_leave();
  return outcome;
}

/* Whether a step of this one logger was replaced. */
static bool is_patched(PyObject *dict) {
  Py_ssize_t size = PyDict_GET_SIZE(dict);
  if (size < OWN_ATTRIBUTES || (size == OWN_ATTRIBUTES && PyDict_GetItemWithError(dict, manager_))) return false;
  for (int i = 0; i < MOST_STEPS; i++)
    if (PyDict_GetItemWithError(dict, step_names[i])) return true;
  return false;
}

/* Both of these; a class gets another version whenever it or one of its bases is changed. */
static bool are_steps_plain(int call, PyTypeObject *class) {
  unsigned *version = &versions[class == loggers[1]][call];
  bool valid = PyType_HasFeature(class, Py_TPFLAGS_VALID_VERSION_TAG);
  if (valid && *version && *version == class->tp_version_tag) return true;
  if (!is_untouched(call) || !is_class_untouched(class)) return false;
  *version = PyType_HasFeature(class, Py_TPFLAGS_VALID_VERSION_TAG) ? class->tp_version_tag : 0;
  return true;
}

/* Whether a record of this logger takes the steps that it takes in logging. */
static bool is_plain(int call, PyObject *self, PyObject *dict) {
  if (!Py_IS_TYPE(self, loggers[0]) && !Py_IS_TYPE(self, loggers[1])) return false;
  return are_steps_plain(call, Py_TYPE(self)) && !is_patched(dict) && is_empty(PyDict_GetItemWithError(dict, filters_));
}

/* Whether our handler lets all records through. */
static bool is_handler_open(const Ours *ours) {
  PyObject *dict = PyObject_GenericGetDict(ours->handler, NULL);
  bool open = dict && is_open(dict);
  Py_XDECREF(dict);
  return open;
}

/* By the level of the record, as `Logger.callHandlers`: a factory or a filter may have changed it. */
static int passes(PyObject *one, PyObject *record) {
  PyObject *level = PyObject_GetAttr(record, levelno_), *least = level ? PyObject_GetAttr(one, level_) : NULL;
  int passed = least ? PyObject_RichCompareBool(level, least, Py_GE) : -1;
  Py_XDECREF(level), Py_XDECREF(least);
  return passed;
}

static bool hand_to(const Ours *ours, PyObject *one, PyObject *record) {
  PyObject *done = NULL;
  int passed = passes(one, record);
  if (passed <= 0) return !passed;
  if (one == ours->handler && is_handler_open(ours)) {
    done = writer_handle((PyObject *)ours->writer, record);
    if (done != Py_False) {
      Py_XDECREF(done);
      return done != NULL;
    }
    Py_DECREF(done);
  }
  done = PyObject_CallMethodOneArg(one, handle_, record);
  Py_XDECREF(done);
  return done != NULL;
}

static bool is_taken(PyObject *fields, PyObject *name) {
  if (!PyUnicode_Check(name)) return false;
  return PyDict_Contains(fields, name) || !PyUnicode_CompareWithASCIIString(name, "message") ||
         !PyUnicode_CompareWithASCIIString(name, "asctime");
}

/* The number called, -1 with an exception set; they may change the list. */
static int hand_to_all(const Ours *ours, PyObject *handlers, PyObject *record) {
  int called = 0;
  if (!handlers || !PyList_CheckExact(handlers)) return 0;
  Py_INCREF(handlers);
  for (Py_ssize_t i = 0; called >= 0 && i < PyList_GET_SIZE(handlers); i++) {
    PyObject *one = Py_NewRef(PyList_GET_ITEM(handlers, i));
    called = hand_to(ours, one, record) ? called + 1 : -1;
    Py_DECREF(one);
  }
  Py_DECREF(handlers);
  return called;
}

/* Calls the handlers of a chain of loggers, as `Logger.callHandlers`; the number called, -1 with an exception set. */
static int call_handlers(const Ours *ours, PyObject *dict, PyObject *record) {
  PyObject *held = Py_NewRef(dict);
  int called = 0;
  while (held) {
    int passed = hand_to_all(ours, PyDict_GetItemWithError(held, handlers_), record);
    if (passed < 0) goto failed;
    called += passed;
    PyObject *propagate = Py_XNewRef(PyDict_GetItemWithError(held, propagate_));
    int propagates = propagate ? PyObject_IsTrue(propagate) : 0;
    Py_XDECREF(propagate);
    if (propagates < 0) goto failed;
    PyObject *parent = PyDict_GetItemWithError(held, parent_);
    bool goes_on = propagates && parent && parent != Py_None;
    PyObject *next = goes_on ? dict_of(parent) : NULL;
    if (goes_on && !next) goto failed;
    Py_SETREF(held, next);
  }
  return called;
failed:
  Py_DECREF(held);
  return -1;
}

/* The record that `Logger.makeRecord` would make; NULL where logging has to, maybe with an exception set. */
static PyObject *make_record(PyObject *dict, PyObject *level, PyObject *const *args, Py_ssize_t count, const Options *options) {
  PyObject *exception = NULL, *arguments = NULL, *record = NULL;
  PyFrameObject *frame = caller(options->stacklevel);
  PyCodeObject *code = frame ? PyFrame_GetCode(frame) : NULL;
  PyObject *line = frame ? PyLong_FromLong(PyFrame_GetLineNumber(frame)) : NULL;
  if (options->exc_info && PyObject_IsTrue(options->exc_info) > 0) exception = exception_of(options->exc_info);
  PyObject *name = Py_XNewRef(PyDict_GetItemWithError(dict, name_));
  PyObject *factory = Py_XNewRef(PyDict_GetItemWithError(logging_dict, factory_));
  arguments = PyTuple_New(count - 1);
  for (Py_ssize_t i = 1; arguments && i < count; i++) PyTuple_SET_ITEM(arguments, i - 1, Py_NewRef(args[i]));
  if (name && factory && line && arguments && !PyErr_Occurred()) {
    PyObject *all[] = {name, level, code->co_filename, line, args[0], arguments,
                       exception ? exception : options->exc_info ? options->exc_info : Py_None, code->co_name, Py_None};
    record = PyObject_Vectorcall(factory, all, 9, NULL);
  }
  Py_XDECREF(name);
  Py_XDECREF(factory);
  Py_XDECREF(frame);
  Py_XDECREF(code);
  Py_XDECREF(line);
  Py_XDECREF(exception);
  Py_XDECREF(arguments);
  return record;
}

/* False where a name is taken, or with an exception set. */
static bool add_extra(PyObject *record, PyObject *extra) {
  PyObject *fields = extra ? PyObject_GenericGetDict(record, NULL) : NULL, *name, *value;
  Py_ssize_t at = 0;
  bool added = !extra || fields;
  while (added && extra && PyDict_Next(extra, &at, &name, &value)) {
    Py_INCREF(name), Py_INCREF(value);
    added = !is_taken(fields, name) && !PyDict_SetItem(fields, name, value);
    Py_DECREF(name), Py_DECREF(value);
  }
  Py_XDECREF(fields);
  return added;
}

/* What `Logger._log` does with a record that others see, too, without its Python. */
static Outcome spread(const Ours *ours, PyObject *dict, PyObject *level, PyObject *const *args, Py_ssize_t count,
                      const Options *options) {
  PyObject *record = make_record(dict, level, args, count, options);
  Outcome outcome = ASIDE;
  if (record && add_extra(record, options->extra)) {
    int called = call_handlers(ours, dict, record);
    outcome = called < 0 ? RAISED : called ? WRITTEN : ASIDE;
  }
  Py_XDECREF(record);
  return outcome == ASIDE ? aside_or_raised() : outcome;
}

static Outcome take(PyObject *dict, PyObject *level, PyObject *const *args, Py_ssize_t count, const Options *options) {
  Ours ours = {(Writer *)Py_NewRef(writer), Py_NewRef(handler)};
  Outcome outcome = ASIDE;
  if (is_factory_own() && is_all_told() && is_alone(&ours, dict) && is_handler_open(&ours))
    outcome = try(ours.writer, dict, PyLong_AsLong(level), args, count, options);
  if (outcome == ASIDE) outcome = spread(&ours, dict, level, args, count, options);
  Py_DECREF(ours.writer), Py_DECREF(ours.handler);
  return outcome;
}

static PyObject *aside(int call, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
  Py_ssize_t all = count + (names ? PyTuple_GET_SIZE(names) : 0);
  PyObject *few[12], **with_self = all < 11 ? few : PyMem_New(PyObject *, all + 1);
  if (!with_self) return PyErr_NoMemory();
  with_self[0] = self;
  if (all) memcpy(with_self + 1, args, (size_t)all * sizeof *args);
  PyObject *function = PyObject_GetAttr((PyObject *)logger_type, call_names[call]);
  PyObject *done = function ? PyObject_Vectorcall(function, with_self, (size_t)count + 1, names) : NULL;
  Py_XDECREF(function);
  if (with_self != few) PyMem_Free(with_self);
  return done;
}

static PyObject *call(int call, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
  bool numbered = call == LOG;
  PyObject *level = !numbered ? level_numbers[call] : count ? args[0] : NULL;
  PyObject *dict = level && PyLong_CheckExact(level) ? PyObject_GenericGetDict(self, NULL) : NULL;
  if (!dict) return PyErr_Clear(), aside(call, self, args, count, names);
  int enabled = is_enabled(dict, level);
  if (!enabled) {
    Py_DECREF(dict);
    Py_RETURN_NONE;
  }
  Options options = {.stacklevel = 1, .exc_info = call == EXCEPTION ? Py_True : NULL};
  Outcome outcome = ASIDE;
  if (enabled > 0 && count > numbered && writer && is_plain(call, self, dict) && (!names || read_options(&options, args + count, names)))
    outcome = take(dict, level, args + numbered, count - numbered, &options);
  Py_DECREF(dict);
  if (outcome == WRITTEN) Py_RETURN_NONE;
  if (outcome == RAISED) return NULL;
  PyErr_Clear();
  return aside(call, self, args, count, names);
}

#define METHOD(name, which)                                                                              \
  static PyObject *name(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {      \
    return call(which, self, args, count, names);                                                        \
  }
METHOD(debug, DEBUG)
METHOD(info, INFO)
METHOD(warning, WARNING)
METHOD(error, ERROR)
METHOD(exception, EXCEPTION)
METHOD(critical, CRITICAL)
METHOD(log_, LOG)

#define ENTRY(name, function) {name, (PyCFunction)(void (*)(void))function, METH_FASTCALL | METH_KEYWORDS, NULL}
static PyMethodDef methods[] = {
    ENTRY("debug", debug), ENTRY("info", info), ENTRY("warning", warning), ENTRY("error", error),
    ENTRY("exception", exception), ENTRY("critical", critical), ENTRY("log", log_), {NULL, NULL, 0, NULL},
};

/* The calls by name, methods of `logging.Logger`: a thread that has just looked one up in a class of ours may call it
   on a logger that has meanwhile become a plain one again. */
PyObject *calls_methods(void) {
  PyObject *named = PyDict_New();
  for (PyMethodDef *method = methods; named && method->ml_name; method++) {
    PyObject *one = PyDescr_NewMethod(logger_type, method);
    if (!one || PyDict_SetItemString(named, method->ml_name, one)) Py_CLEAR(named);
    Py_XDECREF(one);
  }
  return named;
}
