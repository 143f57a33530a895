#include "native.h"
#include "place.h"
#include "sources.h"

#include <sys/vfs.h>

/* The kind of the file system that a path is on, as statfs(2) numbers them. */
static PyObject *file_system(PyObject *Py_UNUSED(module), PyObject *path) {
  PyObject *bytes;
  struct statfs status;
  if (!PyUnicode_FSConverter(path, &bytes)) return NULL;
  int failed = statfs(PyBytes_AS_STRING(bytes), &status);
  Py_DECREF(bytes);
  if (failed) return PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
  return PyLong_FromUnsignedLong((unsigned long)status.f_type & 0xffffffffUL);
}

static PyMethodDef functions[] = {
    {"activate", calls_activate, METH_VARARGS, NULL},
    {"deactivate", calls_deactivate, METH_O, NULL},
    {"activate_bound", bound_activate, METH_VARARGS, NULL},
    {"deactivate_bound", bound_deactivate, METH_O, NULL},
    {"end_bound_by", bound_end_by, METH_VARARGS, NULL},
    {"file_system", file_system, METH_O, NULL},
    {"within", (PyCFunction)(void (*)(void))within, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static int fill(PyObject *module) {
  if (Py_Version >> 16 != PY_VERSION_HEX >> 16) {
    PyErr_SetString(PyExc_ImportError, "built for another version of Python");
    return -1;
  }
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) { /* what is kept of `logging` is of one interpreter */
    PyErr_SetString(PyExc_ImportError, "not in an interpreter within another");
    return -1;
  }
  if (PyType_Ready(&SharedFile_Type) || PyType_Ready(&Writer_Type)) return -1;
  if (PyType_Ready(&Bound_Type) || PyType_Ready(&Filter_Type)) return -1;
  if (writer_init() || sources_init() || place_init() || calls_init() || bound_init()) return -1;
  if (PyModule_AddIntConstant(module, "MOST_NESTED", MOST_NESTED)) return -1;
  if (PyModule_AddObjectRef(module, "SharedFile", (PyObject *)&SharedFile_Type)) return -1;
  if (PyModule_AddObjectRef(module, "Writer", (PyObject *)&Writer_Type)) return -1;
  if (PyModule_AddObjectRef(module, "Filter", (PyObject *)&Filter_Type)) return -1;
  if (PyModule_AddObjectRef(module, "Bound", (PyObject *)&Bound_Type)) return -1;
  PyObject *calls = calls_methods();
  int failed = PyModule_AddObjectRef(module, "calls", calls);
  Py_XDECREF(calls);
  return failed;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)fill}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "logpipe.emit._native", .m_methods = functions, .m_slots = slots};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&definition); }
