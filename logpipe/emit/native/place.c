#include "place.h"

#include <math.h>

#include "line.h"

enum { PLACES = 2048 };

/* A line of code where a record was made. Its code is held, so that its address stays its own. */
typedef struct {
  PyCodeObject *code;
  int lasti;
  PyObject *words; /* bytes: `,"module":"m","function":"f","line":1` */
  bool internal;   /* of logging itself, or of an import */
} Place;

static Place places[PLACES];
static PyObject *logging_dict, *threading_dict, *time_dict, *own_current_thread, *own_get_ident, *active;
static PyObject *name_, *module_name, *dict_keys[5];

int place_init(void) {
  static const char *const KEYS[] = {"_srcfile", "current_thread", "get_ident", "_name", "time"};
  PyObject *logging = PyImport_ImportModule("logging"), *threading = PyImport_ImportModule("threading");
  for (int i = 0; i < 5; i++)
    if (!(dict_keys[i] = PyUnicode_InternFromString(KEYS[i]))) return -1;
  PyObject *time = PyImport_ImportModule("time");
  time_dict = time ? Py_XNewRef(PyModule_GetDict(time)) : NULL;
  Py_XDECREF(time);
  name_ = PyUnicode_InternFromString("name");
  module_name = PyUnicode_InternFromString("__name__");
  if (!logging || !threading || !time_dict || !name_ || !module_name) return -1;
  logging_dict = Py_XNewRef(PyModule_GetDict(logging)), threading_dict = Py_XNewRef(PyModule_GetDict(threading));
  own_current_thread = PyObject_GetAttrString(threading, "current_thread");
  own_get_ident = PyObject_GetAttrString(threading, "get_ident");
  active = PyObject_GetAttrString(threading, "_active");
  Py_DECREF(logging), Py_DECREF(threading);
  return own_current_thread && own_get_ident && active ? 0 : -1;
}

static bool is_internal(const char *path) {
  PyObject *source = PyDict_GetItemWithError(logging_dict, dict_keys[0]);
  if (source && PyUnicode_Check(source) && !PyUnicode_CompareWithASCIIString(source, path)) return true;
  return strstr(path, "importlib") && strstr(path, "_bootstrap");
}

static bool put_path(Line *line, const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  const char *dot = strrchr(name + strspn(name, "."), '.'); /* leading dots begin no suffix */
  return line_text(line, name, dot ? (size_t)(dot - name) : strlen(name), NULL);
}

static bool render(Place *place, PyCodeObject *code, int number) {
  Line line;
  const char *path = PyUnicode_AsUTF8(code->co_filename);
  Py_ssize_t length;
  const char *function = path ? PyUnicode_AsUTF8AndSize(code->co_name, &length) : NULL;
  if (!function) return false;
  line_begin(&line);
  bool done = line_raw(&line, ",\"module\":", 10) && put_path(&line, path) && line_raw(&line, ",\"function\":", 12) &&
              line_text(&line, function, (size_t)length, NULL) && line_raw(&line, ",\"line\":", 8) &&
              line_number(&line, number);
  PyObject *words = done ? PyBytes_FromStringAndSize(line.bytes, (Py_ssize_t)line.length) : NULL;
  line_end(&line);
  if (!words) return false;
  Py_XSETREF(place->words, words);
  place->internal = is_internal(path);
  return true;
}

static Place *place_of(PyFrameObject *frame) {
  PyCodeObject *code = PyFrame_GetCode(frame);
  int lasti = PyFrame_GetLasti(frame);
  Place *place = &places[((uintptr_t)code / 64 + (unsigned)lasti * 31) % PLACES];
  if (place->code != code || place->lasti != lasti) {
    Py_CLEAR(place->code);
    if (render(place, code, PyFrame_GetLineNumber(frame))) {
      place->lasti = lasti;
      Py_XSETREF(place->code, (PyCodeObject *)Py_NewRef(code));
    }
  }
  bool known = place->code == code;
  Py_DECREF(code);
  return known ? place : NULL;
}

bool take_place(Parts *parts, PyFrameObject *frame) {
  const Place *place = place_of(frame);
  if (!place) return false;
  parts->place = place->words;
  return true;
}

static PyFrameObject *outwards(PyFrameObject *frame) {
  PyFrameObject *next = PyFrame_GetBack(frame);
  if (!next) return frame;
  Py_DECREF(frame);
  return next;
}

PyFrameObject *caller(long level) {
  PyFrameObject *frame = PyEval_GetFrame(), *last = NULL;
  Py_XINCREF(frame);
  for (; frame && frame != last; last = frame, frame = outwards(frame)) {
    const Place *place = place_of(frame);
    if (!place || (!place->internal && --level <= 0)) break;
  }
  return frame;
}

static bool is_structlog(PyFrameObject *frame) {
  PyObject *globals = PyFrame_GetGlobals(frame), *name = PyDict_GetItemWithError(globals, module_name);
  const char *words = name && PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : NULL;
  Py_DECREF(globals);
  return words && !strncmp(words, "structlog.", 10);
}

PyFrameObject *outside(PyFrameObject *frame) {
  PyFrameObject *last = NULL;
  Py_INCREF(frame);
  for (; frame != last; last = frame, frame = outwards(frame))
    if (!is_structlog(frame)) break;
  return frame;
}

int64_t wall_us(void) {
  PyObject *function = PyDict_GetItemWithError(time_dict, dict_keys[4]);
  PyObject *seconds = function ? PyObject_CallNoArgs(function) : NULL;
  double value = seconds && PyFloat_Check(seconds) ? PyFloat_AS_DOUBLE(seconds) : NAN;
  Py_XDECREF(seconds);
  if (!(fabs(value) < 1e11)) PyErr_Clear();
  return fabs(value) < 1e11 ? llrint(value * 1e6) : now_us();
}

static PyObject *name_in(PyObject *thread) {
  PyObject *dict = PyObject_GenericGetDict(thread, NULL);
  PyObject *name = dict ? Py_XNewRef(PyDict_GetItemWithError(dict, dict_keys[3])) : NULL;
  Py_XDECREF(dict);
  return name;
}

PyObject *thread_name(void) {
  PyObject *current_thread = PyDict_GetItemWithError(threading_dict, dict_keys[1]), *thread = NULL, *name = NULL;
  if (current_thread == own_current_thread && PyDict_GetItemWithError(threading_dict, dict_keys[2]) == own_get_ident) {
    PyObject *ident = PyLong_FromUnsignedLong(PyThread_get_thread_ident());
    thread = ident ? PyDict_GetItemWithError(active, ident) : NULL;
    Py_XDECREF(ident);
    if (thread) name = name_in(thread);
  }
  if (!name && !PyErr_Occurred() && current_thread) { /* none of threading's own, or others have taken its place */
    thread = PyObject_CallNoArgs(current_thread);
    name = thread ? PyObject_GetAttr(thread, name_) : NULL;
    Py_XDECREF(thread);
  }
  if (name && !PyUnicode_CheckExact(name)) Py_CLEAR(name);
  return name;
}
