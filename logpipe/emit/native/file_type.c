#include "native.h"

#include <structmember.h>

typedef struct {
  PyObject_HEAD
  File *file;
  PyObject *path; /* as it was given */
} SharedFile;

static int failed(const SharedFile *self, int error) {
  errno = error;
  PyErr_SetFromErrnoWithFilename(PyExc_OSError, self->file->path);
  return -1;
}

/* Makes the folder of the file, by Python, so that its rights and errors are as everywhere. */
static int make_folder(const SharedFile *self) {
  const char *slash = strrchr(self->file->path, '/');
  if (!slash) return failed(self, ENOENT);
  PyObject *os = PyImport_ImportModule("os"), *made = NULL;
  if (os) {
    PyObject *folder = PyUnicode_DecodeFSDefaultAndSize(self->file->path, slash - self->file->path);
    PyObject *makedirs = folder ? PyObject_GetAttrString(os, "makedirs") : NULL;
    PyObject *arguments = makedirs ? Py_BuildValue("(O)", folder) : NULL;
    PyObject *options = arguments ? Py_BuildValue("{s:O}", "exist_ok", Py_True) : NULL;
    if (options) made = PyObject_Call(makedirs, arguments, options);
    Py_XDECREF(options), Py_XDECREF(arguments), Py_XDECREF(makedirs), Py_XDECREF(folder);
  }
  Py_XDECREF(os), Py_XDECREF(made);
  return made ? 0 : -1;
}

int shared_file_append(PyObject *object, const char *line, size_t length, int64_t time_us, bool *rotated) {
  SharedFile *self = (SharedFile *)object;
  for (bool again = false;; again = true) {
    int error;
    Py_BEGIN_ALLOW_THREADS
    error = file_append(self->file, line, length, time_us, rotated);
    Py_END_ALLOW_THREADS
    if (!error) return 0;
    if (error != ENOENT || again) return failed(self, error);
    if (make_folder(self)) return -1;
  }
}

static PyObject *sync_(PyObject *object, PyObject *Py_UNUSED(unused)) {
  SharedFile *self = (SharedFile *)object;
  int error;
  Py_BEGIN_ALLOW_THREADS
  error = file_sync(self->file);
  Py_END_ALLOW_THREADS
  if (error) return failed(self, error), NULL;
  Py_RETURN_NONE;
}

static PyObject *append(PyObject *self, PyObject *line) {
  char *bytes;
  Py_ssize_t length;
  bool rotated = false;
  if (PyBytes_AsStringAndSize(line, &bytes, &length)) return NULL;
  if (shared_file_append(self, bytes, (size_t)length, wall_us(), &rotated)) return NULL;
  return PyBool_FromLong(rotated);
}

static PyObject *open_(PyObject *object, PyObject *Py_UNUSED(unused)) {
  SharedFile *self = (SharedFile *)object;
  for (bool again = false;; again = true) {
    int error;
    Py_BEGIN_ALLOW_THREADS
    error = file_open(self->file);
    Py_END_ALLOW_THREADS
    if (!error) Py_RETURN_NONE;
    if (error != ENOENT || again) return failed(self, error), NULL;
    if (make_folder(self)) return NULL;
  }
}

static PyObject *close_(PyObject *object, PyObject *Py_UNUSED(unused)) {
  SharedFile *self = (SharedFile *)object;
  Py_BEGIN_ALLOW_THREADS
  file_close(self->file);
  Py_END_ALLOW_THREADS
  Py_RETURN_NONE;
}

static PyObject *new(PyTypeObject *type, PyObject *args, PyObject *options) {
  static char *names[] = {"path", "max_bytes", "period_s", NULL};
  PyObject *given, *path;
  unsigned long long max_bytes, period_s;
  if (!PyArg_ParseTupleAndKeywords(args, options, "O$KK", names, &given, &max_bytes, &period_s)) return NULL;
  if (!PyUnicode_FSConverter(given, &path)) return NULL;
  SharedFile *self = (SharedFile *)type->tp_alloc(type, 0);
  if (self) self->path = Py_NewRef(given);
  if (self) self->file = file_new(PyBytes_AS_STRING(path), max_bytes, (int64_t)period_s * 1000000);
  Py_DECREF(path);
  if (!self || self->file) return (PyObject *)self;
  Py_DECREF(self);
  return PyErr_NoMemory();
}

static void dealloc(PyObject *object) {
  SharedFile *self = (SharedFile *)object;
  if (self->file) file_free(self->file);
  Py_XDECREF(self->path);
  Py_TYPE(object)->tp_free(object);
}

static PyMethodDef methods[] = {
    {"append", append, METH_O, NULL},
    {"sync", sync_, METH_NOARGS, NULL},
    {"open", open_, METH_NOARGS, NULL},
    {"close", close_, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {{"path", T_OBJECT, offsetof(SharedFile, path), READONLY, NULL}, {NULL, 0, 0, 0, NULL}};

PyTypeObject SharedFile_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "logpipe.emit._native.SharedFile",
    .tp_basicsize = sizeof(SharedFile),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = new,
    .tp_dealloc = dealloc,
    .tp_methods = methods,
    .tp_members = members,
};
