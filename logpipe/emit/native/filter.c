/* A filter for loguru that takes each record and refuses it; in Python it is `loguru_sink.Filter`, to which it reduces. */
#include "native.h"

#include <structmember.h>

#include "sources.h"

typedef struct {
  PyObject_HEAD
  vectorcallfunc vectorcall;
  PyObject *writer, *take, *build, *python;
} Filter;

static PyObject *call(PyObject *object, PyObject *const *args, size_t flags, PyObject *names) {
  Filter *self = (Filter *)object;
  if (PyVectorcall_NARGS(flags) != 1 || names) return PyErr_Format(PyExc_TypeError, "a filter takes one record");
  PyObject *written = writer_loguru(self->writer, args[0]), *done = NULL;
  if (!written) return NULL;
  if (written == Py_False) {
    done = PyObject_CallFunctionObjArgs(self->take, self->build, args[0], NULL);
    if (!done) return Py_DECREF(written), NULL;
    Py_DECREF(done);
  }
  Py_DECREF(written);
  Py_RETURN_FALSE;
}

static PyObject *reduce(PyObject *object, PyObject *Py_UNUSED(unused)) {
  return Py_BuildValue("(O())", ((Filter *)object)->python);
}

static PyObject *new(PyTypeObject *type, PyObject *args, PyObject *options) {
  PyObject *writer, *take, *build, *python;
  if (options && PyDict_GET_SIZE(options)) return PyErr_Format(PyExc_TypeError, "no options are known");
  if (!PyArg_ParseTuple(args, "O!OOO", &Writer_Type, &writer, &take, &build, &python)) return NULL;
  Filter *self = (Filter *)type->tp_alloc(type, 0);
  if (!self) return NULL;
  self->vectorcall = call;
  self->writer = Py_NewRef(writer), self->take = Py_NewRef(take), self->build = Py_NewRef(build);
  self->python = Py_NewRef(python);
  return (PyObject *)self;
}

static int traverse(PyObject *object, visitproc visit, void *arg) {
  Filter *self = (Filter *)object;
  Py_VISIT(self->writer);
  Py_VISIT(self->take);
  Py_VISIT(self->build);
  Py_VISIT(self->python);
  return 0;
}

static int clear(PyObject *object) {
  Filter *self = (Filter *)object;
  Py_CLEAR(self->writer);
  Py_CLEAR(self->take);
  Py_CLEAR(self->build);
  Py_CLEAR(self->python);
  return 0;
}

static void dealloc(PyObject *object) {
  PyObject_GC_UnTrack(object);
  clear(object);
  Py_TYPE(object)->tp_free(object);
}

static PyMethodDef methods[] = {{"__reduce__", reduce, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};

PyTypeObject Filter_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "logpipe.emit._native.Filter",
    .tp_basicsize = sizeof(Filter),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_vectorcall_offset = offsetof(Filter, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_new = new,
    .tp_dealloc = dealloc,
    .tp_traverse = traverse,
    .tp_clear = clear,
    .tp_methods = methods,
};
