/* The calls of a bound logger of structlog: where its chain is processors and at its end ours, what it ends with is
 * written at once. Else, and for all that is unusual, structlog does what it does.
 */
#include "native.h"

#include "place.h"
#include "sources.h"

static const char *const METHODS[] = {NULL, "debug", "info", "warning", "error", "critical"};

static PyObject *method_names[6];
static PyObject *context_, *processors_, *logger_, *event_;
static Writer *writer; /* this and the next are of now: code of the application may change them; see Ours */
static PyObject *processor, *drop, *takers; /* takers: a list of who takes events; we are one of them */
static int least;

/* Who takes a call, held until it ends. */
typedef struct {
  Writer *writer;
  PyObject *processor, *drop;
} Ours;

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
  PyObject *fields = PyDict_Copy(context);
  for (Py_ssize_t i = 0; fields && names && i < PyTuple_GET_SIZE(names); i++)
    if (PyDict_SetItem(fields, PyTuple_GET_ITEM(names, i), values[i])) Py_CLEAR(fields);
  return fields;
}

/* Runs the processors but the last, as structlog does; what they make of the event, or NULL with an exception set. */
static PyObject *processed(PyObject *chain, PyObject *logger, PyObject *method, PyObject *fields) {
  for (Py_ssize_t i = 0; fields && i < PyList_GET_SIZE(chain) - 1; i++) {
    PyObject *arguments[] = {logger, method, fields}, *one = Py_NewRef(PyList_GET_ITEM(chain, i));
    PyObject *made = PyObject_Vectorcall(one, arguments, 3, NULL);
    Py_DECREF(one);
    Py_SETREF(fields, made);
  }
  return fields;
}

/* Whether only this writer takes events. */
static bool is_alone(const Writer *to) { return to && to == writer && PyList_GET_SIZE(takers) == 1; }

/* Ends a chain of one or more; None, or NULL with an exception set. Takes over the fields. */
static PyObject *ended(const Ours *ours, int level, PyObject *chain, PyObject *logger, PyObject *event, PyObject *fields,
                       PyFrameObject *frame) {
  Outcome outcome = ASIDE;
  PyObject *done = NULL;
  if (PyList_GET_SIZE(chain) == 1) outcome = event_write(ours->writer, level, logger, event, fields, frame);
  if (outcome == ASIDE && PyDict_SetItem(fields, event_, event)) outcome = RAISED;
  if (outcome == ASIDE && PyList_GET_SIZE(chain) > 1) {
    fields = processed(chain, logger, method_names[level], fields);
    if (!fields) outcome = RAISED;
    if (fields && is_alone(ours->writer)) outcome = event_write_dict(ours->writer, level, logger, fields, frame);
  }
  if (outcome == ASIDE) done = PyObject_CallFunctionObjArgs(ours->processor, logger, method_names[level], fields, NULL);
  if (outcome == WRITTEN) done = Py_NewRef(Py_None);
  Py_XDECREF(fields);
  return done;
}

static bool is_ours(PyObject *chain) {
  if (!chain || !PyList_CheckExact(chain) || !PyList_GET_SIZE(chain)) return false;
  return PyList_GET_ITEM(chain, PyList_GET_SIZE(chain) - 1) == processor && is_alone(writer);
}

/* Whether an event is what is logged, and no field. */
static bool is_usual(PyObject *context, PyObject *event, PyObject *names) {
  if (!context || !PyDict_CheckExact(context) || event == Py_None || PyDict_GetItemWithError(context, event_)) return false;
  for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(names); i++)
    if (!PyUnicode_Compare(PyTuple_GET_ITEM(names, i), event_)) return false;
  return true;
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

static PyObject *by_chain(const Ours *ours, int level, PyObject *chain, PyObject *logger, PyObject *event, PyObject *fields) {
  PyFrameObject *frame = (PyFrameObject *)Py_NewRef(PyEval_GetFrame());
  PyObject *done = ended(ours, level, chain, logger, event, fields, frame);
  Py_DECREF(frame);
  if (!done && PyErr_ExceptionMatches(ours->drop)) {
    PyErr_Clear();
    Py_RETURN_NONE;
  }
  return done;
}

/* Holds who takes the call; whatever it runs, they stay. */
static PyObject *by_ours(int level, PyObject *chain, PyObject *logger, PyObject *event, PyObject *fields) {
  Ours ours = {(Writer *)Py_NewRef(writer), Py_NewRef(processor), Py_NewRef(drop)};
  PyObject *done = by_chain(&ours, level, chain, logger, event, fields);
  Py_DECREF(ours.writer), Py_DECREF(ours.processor), Py_DECREF(ours.drop);
  return done;
}

static PyObject *call(int level, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
  PyObject *dict = count == 1 ? PyObject_GenericGetDict(self, NULL) : NULL, *fields = NULL, *done;
  PyObject *chain = dict ? Py_XNewRef(PyDict_GetItemWithError(dict, processors_)) : NULL;
  PyObject *logger = dict ? Py_XNewRef(PyDict_GetItemWithError(dict, logger_)) : NULL;
  PyObject *context = dict ? Py_XNewRef(PyDict_GetItemWithError(dict, context_)) : NULL;
  PyErr_Clear();
  bool usual = logger && PyEval_GetFrame() && is_ours(chain) && is_usual(context, args[0], names);
  if (usual && LEVEL_NUMBERS[level] < least)
    done = Py_NewRef(Py_None);
  else if (usual && (fields = fields_of(context, args + count, names)) && is_ours(chain)) /* garbage was collected */
    done = by_ours(level, chain, logger, args[0], fields);
  else
    done = PyErr_Occurred() ? NULL : by_structlog(self, level, args, count, names);
  Py_XDECREF(dict);
  Py_XDECREF(chain);
  Py_XDECREF(logger);
  Py_XDECREF(context);
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
