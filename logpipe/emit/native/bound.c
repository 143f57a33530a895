/* The calls of a bound logger of structlog: where its chain is processors and at its end ours, what it ends with is
 * written at once. Else, and for all that is unusual, structlog does what it does.
 */
#include "native.h"

#include "place.h"
#include "sources.h"

static const char *const METHODS[] = {NULL, "debug", "info", "warning", "error", "critical"};

static PyObject *method_names[6];
static PyObject *context_, *processors_, *logger_, *event_;
static Writer *writer;
static PyObject *processor, *drop, *takers; /* takers: a list of who takes events; we are one of them */
static int least;

int bound_init(void) {
  for (int level = 1; level < 6; level++)
    if (!(method_names[level] = PyUnicode_InternFromString(METHODS[level]))) return -1;
  context_ = PyUnicode_InternFromString("_context"), processors_ = PyUnicode_InternFromString("_processors");
  logger_ = PyUnicode_InternFromString("_logger"), event_ = PyUnicode_InternFromString("event");
  return context_ && processors_ && logger_ && event_ ? 0 : -1;
}

PyObject *bound_activate(PyObject *Py_UNUSED(module), PyObject *args) {
  PyObject *to, *list;
  int level;
  if (!PyArg_ParseTuple(args, "O!O!i", &Writer_Type, &to, &PyList_Type, &list, &level)) return NULL;
  Py_XSETREF(writer, (Writer *)Py_NewRef(to));
  Py_XSETREF(takers, Py_NewRef(list));
  least = level;
  Py_RETURN_NONE;
}

PyObject *bound_deactivate(PyObject *Py_UNUSED(module), PyObject *to) {
  if (to == (PyObject *)writer) Py_CLEAR(writer);
  Py_RETURN_NONE;
}

PyObject *bound_end_by(PyObject *Py_UNUSED(module), PyObject *args) {
  PyObject *by, *error;
  if (!PyArg_ParseTuple(args, "OO", &by, &error)) return NULL;
  Py_XSETREF(processor, Py_NewRef(by));
  Py_XSETREF(drop, Py_NewRef(error));
  Py_RETURN_NONE;
}

/* What is bound, and the call's keywords; a new reference. */
static PyObject *fields_of(PyObject *context, PyObject *const *values, PyObject *names) {
  PyObject *fields = context && PyDict_CheckExact(context) ? PyDict_Copy(context) : NULL;
  for (Py_ssize_t i = 0; fields && names && i < PyTuple_GET_SIZE(names); i++)
    if (PyDict_SetItem(fields, PyTuple_GET_ITEM(names, i), values[i])) Py_CLEAR(fields);
  return fields;
}

/* Runs the processors but the last, as structlog does; what they make of the event, or NULL with an exception set. */
static PyObject *processed(PyObject *chain, PyObject *logger, PyObject *method, PyObject *fields) {
  for (Py_ssize_t i = 0; fields && i < PyList_GET_SIZE(chain) - 1; i++) {
    PyObject *arguments[] = {logger, method, fields};
    PyObject *made = PyObject_Vectorcall(PyList_GET_ITEM(chain, i), arguments, 3, NULL);
    Py_SETREF(fields, made);
  }
  return fields;
}

/* Ends a chain of one or more; None, or NULL with an exception set. Takes over the fields. */
static PyObject *ended(int level, PyObject *chain, PyObject *logger, PyObject *event, PyObject *fields, PyFrameObject *frame) {
  Outcome outcome = ASIDE;
  PyObject *done = NULL;
  if (PyList_GET_SIZE(chain) == 1) outcome = event_write(writer, level, logger, event, fields, frame);
  if (outcome == ASIDE && PyDict_SetItem(fields, event_, event)) outcome = RAISED;
  if (outcome == ASIDE && PyList_GET_SIZE(chain) > 1) {
    fields = processed(chain, logger, method_names[level], fields);
    outcome = fields ? event_write_dict(writer, level, logger, fields, frame) : RAISED;
  }
  if (outcome == ASIDE) done = PyObject_CallFunctionObjArgs(processor, logger, method_names[level], fields, NULL);
  if (outcome == WRITTEN) done = Py_NewRef(Py_None);
  Py_XDECREF(fields);
  return done;
}

static bool is_ours(PyObject *chain) {
  if (!writer || !chain || !PyList_CheckExact(chain) || !PyList_GET_SIZE(chain)) return false;
  return PyList_GET_ITEM(chain, PyList_GET_SIZE(chain) - 1) == processor && PyList_GET_SIZE(takers) == 1;
}

/* The method that structlog's own class has under this name. */
static PyObject *own_method(PyObject *self, int level) {
  PyObject *classes = Py_TYPE(self)->tp_mro, *ours = _PyType_Lookup(&Bound_Type, method_names[level]);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(classes); i++) {
    PyObject *names = ((PyTypeObject *)PyTuple_GET_ITEM(classes, i))->tp_dict;
    PyObject *found = names ? PyDict_GetItemWithError(names, method_names[level]) : NULL;
    if (found && found != ours) return found;
  }
  return PyErr_Format(PyExc_AttributeError, "%s", METHODS[level]);
}

static PyObject *by_structlog(PyObject *self, int level, PyObject *const *args, Py_ssize_t count, PyObject *names) {
  Py_ssize_t all = count + (names ? PyTuple_GET_SIZE(names) : 0);
  PyObject *method = own_method(self, level), **with_self = method ? PyMem_New(PyObject *, all + 1) : NULL;
  if (!method || !with_self) return method ? PyErr_NoMemory() : NULL;
  with_self[0] = self;
  if (all) memcpy(with_self + 1, args, (size_t)all * sizeof *args);
  Py_INCREF(method);
  PyObject *done = PyObject_Vectorcall(method, with_self, (size_t)count + 1, names);
  Py_DECREF(method);
  PyMem_Free(with_self);
  return done;
}

static PyObject *by_chain(int level, PyObject *dict, PyObject *chain, PyObject *event, PyObject *const *values, PyObject *names) {
  PyObject *logger = Py_XNewRef(PyDict_GetItemWithError(dict, logger_)), *done = NULL;
  PyObject *fields = logger ? fields_of(PyDict_GetItemWithError(dict, context_), values, names) : NULL;
  PyFrameObject *frame = PyEval_GetFrame();
  if (fields && frame) done = ended(level, chain, logger, event, fields, frame);
  Py_XDECREF(logger);
  if (!done && PyErr_Occurred() && PyErr_ExceptionMatches(drop)) {
    PyErr_Clear();
    Py_RETURN_NONE;
  }
  return done;
}

static PyObject *call(int level, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
  PyObject *dict = PyObject_GenericGetDict(self, NULL), *done;
  PyObject *chain = dict && count == 1 ? Py_XNewRef(PyDict_GetItemWithError(dict, processors_)) : NULL;
  if (!is_ours(chain))
    done = by_structlog(self, level, args, count, names);
  else if (LEVEL_NUMBERS[level] < least)
    done = Py_NewRef(Py_None);
  else
    done = by_chain(level, dict, chain, args[0], args + count, names);
  Py_XDECREF(dict);
  Py_XDECREF(chain);
  return done;
}

#define METHOD(name, level)                                                                         \
  static PyObject *name(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) { \
    return call(level, self, args, count, names);                                                   \
  }
METHOD(debug, 1)
METHOD(info, 2)
METHOD(warning, 3)
METHOD(error, 4)
METHOD(critical, 5)

#define ENTRY(name) {#name, (PyCFunction)(void (*)(void))name, METH_FASTCALL | METH_KEYWORDS, NULL}
static PyMethodDef methods[] = {ENTRY(debug), ENTRY(info), ENTRY(warning), ENTRY(error), ENTRY(critical), {NULL, NULL, 0, NULL}};

PyTypeObject Bound_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "logpipe.emit._native.Bound",
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_methods = methods,
};
