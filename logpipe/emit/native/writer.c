/* From what front ends know to a line in its stream's file, as `entry.compose` and `values.render` have it.
 *
 * What is unusual in a record is left to these (ASIDE). All code of the application that a value may run is run before
 * the record gets its number, so that numbers are never skipped.
 */
#include "native.h"

#include <math.h>
#include <structmember.h>

#include "line.h"
#include "sources.h"

enum { MOST_SLOTS = 24, MOST_ATTRIBUTES = 64, MOST_KEYS = 4096, RECENT = 256, STREAMS = 4 };

/* What `classify` says of a key; 0 and more: a field of the record, by its place. */
enum { ATTRIBUTE = -1, HIDDEN = -2, UNUSUAL = -3, STANDARD = -4 };
enum { TEXT, DOUBLE, STATUS };

static const char *const LEVELS[] = {"TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"};
const long LEVEL_NUMBERS[6] = {5, 10, 20, 30, 40, 50};
static const char *const STREAM_NAMES[] = {"app", "error", "performance", "business"};

typedef struct {
  int class;
  PyObject *name;     /* held by `numbers` */
  PyObject *fragment; /* the bytes `,"key":` */
} Key;

struct Writer {
  PyObject_HEAD
  PyObject *host, *files[STREAMS], *context, *unusual, *classify, *describe, *dumps, *substitute, *walk, *span, *shown;
  PyObject *resource, *instance, *hidden; /* bytes of JSON */
  PyObject *numbers; /* a dict from a key to its place in `keys` */
  Key keys[MOST_KEYS], *recent[RECENT]; /* recent: by the address of the name, which code has as a constant */
  Py_ssize_t known;
  unsigned long forgotten; /* how often all keys were */
  int kinds[MOST_SLOTS], slots, first_of_exception;
  PyObject *names[MOST_SLOTS]; /* `,"key":` of the fields of the record */
  Suspicion suspicion;
  Py_ssize_t max_line_bytes;
  int sync_from; /* the level from which a record is on the disk when its call returns; past all levels: none */
  unsigned long long seq;
  long process;
  char attention;
};

/* What a key's value has become: an object that needs no code of others, or the bytes of its JSON. */
typedef struct {
  PyObject *fragment, *value;
  enum { SCALAR, NUMBER, JSON } kind;
} Attribute;

typedef struct {
  PyObject *slots[MOST_SLOTS];
  Attribute attributes[MOST_ATTRIBUTES];
  int count;
} Fields;

static _Thread_local int nested, ceiling = MOST_NESTED; /* once that was reached it comes down with the records */
static _Thread_local bool overflowed;
static PyObject *trace_id, *opentelemetry;

int writer_init(void) {
  trace_id = PyUnicode_InternFromString("trace_id");
  opentelemetry = PyUnicode_InternFromString("opentelemetry.trace");
  return trace_id && opentelemetry ? 0 : -1;
}

Outcome aside_or_raised(void) {
  if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception)) return RAISED;
  PyErr_Clear();
  return ASIDE;
}

const char *level_text(int level) { return LEVELS[level]; }

int level_at_or_below(long number) {
  int level = 0;
  for (int i = 1; i < 6 && number >= LEVEL_NUMBERS[i]; i++) level = i;
  return level;
}

static void tell(const Writer *writer, const char *method, const char *argument) {
  PyObject *done = PyObject_CallMethod(writer->host, method, argument ? "s" : NULL, argument);
  Py_XDECREF(done);
}

/* A value that logs itself may be put into words twice for each of its records, which without a ceiling would be 2 ** 32. */
static bool enter(void) {
  if (nested < ceiling) return nested++, true;
  overflowed = true;
  return false;
}

bool writer_enter(Writer *writer) {
  if (enter()) return true;
  tell(writer, "lose_nested", NULL);
  if (PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_Exception)) PyErr_Clear();
  return false;
}

void writer_leave(void) {
  overflowed &= --nested > 0;
  if (!overflowed) ceiling = MOST_NESTED;
  else if (ceiling > nested + 1) ceiling = nested + 1;
}

PyObject *within(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) {
  if (count < 1) return PyErr_SetString(PyExc_TypeError, "no function"), NULL;
  if (!enter()) Py_RETURN_FALSE;
  PyObject *done = PyObject_Vectorcall(args[0], args + 1, (size_t)count - 1, NULL);
  writer_leave();
  if (!done) return NULL;
  Py_DECREF(done);
  Py_RETURN_TRUE;
}

long writer_process(const Writer *writer) { return writer->process; }

PyObject *message_of(PyObject *template, PyObject *args) {
  if (!PyUnicode_CheckExact(template)) return NULL;
  if (!args || args == Py_None || (PyTuple_CheckExact(args) && !PyTuple_GET_SIZE(args))) return Py_NewRef(template);
  if (!PyTuple_CheckExact(args) && !PyDict_CheckExact(args)) return NULL;
  if (PyDict_CheckExact(args) && !PyDict_GET_SIZE(args)) return Py_NewRef(template);
  PyObject *message = PyUnicode_Format(template, args);
  if (message && !PyUnicode_CheckExact(message)) Py_CLEAR(message);
  return message;
}

/* Keys */

static void forget_keys(Writer *writer) {
  for (Py_ssize_t i = 0; i < writer->known; i++) Py_CLEAR(writer->keys[i].fragment);
  writer->known = 0;
  writer->forgotten++;
  memset(writer->recent, 0, sizeof writer->recent);
  PyDict_Clear(writer->numbers);
}

static PyObject *fragment_of(const Writer *writer, PyObject *name) {
  PyObject *json = PyObject_CallOneArg(writer->dumps, name);
  PyObject *fragment = json ? PyBytes_FromFormat(",%s:", PyBytes_AS_STRING(json)) : NULL;
  Py_XDECREF(json);
  return fragment;
}

static Key *learn(Writer *writer, PyObject *name) {
  PyObject *class = PyObject_CallOneArg(writer->classify, name);
  PyObject *fragment = class ? fragment_of(writer, name) : NULL;
  PyObject *meanwhile = fragment ? PyDict_GetItemWithError(writer->numbers, name) : NULL; /* by another thread */
  if (meanwhile) {
    Py_DECREF(class), Py_DECREF(fragment);
    return &writer->keys[PyLong_AsSsize_t(meanwhile)];
  }
  if (writer->known == MOST_KEYS) forget_keys(writer); /* names are made of values somewhere: do not grow for ever */
  PyObject *number = fragment ? PyLong_FromSsize_t(writer->known) : NULL;
  Key *key = NULL;
  if (number && !PyDict_SetItem(writer->numbers, name, number)) {
    key = &writer->keys[writer->known++];
    key->class = (int)PyLong_AsLong(class), key->name = name;
    key->fragment = Py_NewRef(fragment);
  }
  Py_XDECREF(class), Py_XDECREF(fragment), Py_XDECREF(number);
  return key;
}

static Key *key_of(Writer *writer, PyObject *name) {
  if (!PyUnicode_CheckExact(name)) return NULL;
  Key **recent = &writer->recent[(uintptr_t)name / 32 % RECENT];
  if (*recent && (*recent)->name == name) return *recent;
  PyObject *number = PyDict_GetItemWithError(writer->numbers, name);
  Key *key = number ? &writer->keys[PyLong_AsSsize_t(number)] : learn(writer, name);
  if (key) *recent = key;
  return key;
}

/* Values */

static void fields_clear(Fields *fields, int slots) {
  for (int i = 0; i < slots; i++) Py_XDECREF(fields->slots[i]);
  for (int i = 0; i < fields->count; i++) Py_XDECREF(fields->attributes[i].fragment), Py_XDECREF(fields->attributes[i].value);
}

static PyObject *dump(const Writer *writer, PyObject *value) {
  PyObject *arguments[] = {value, writer->substitute};
  return PyObject_Vectorcall(writer->dumps, arguments, 2, NULL);
}

static bool fits(PyObject *value, int kind) {
  if (kind == TEXT) {
    int overflow = 0;
    if (PyUnicode_CheckExact(value)) return true;
    if (PyLong_CheckExact(value)) (void)PyLong_AsLongLongAndOverflow(value, &overflow);
    return PyLong_CheckExact(value) && !overflow;
  }
  if (kind == DOUBLE && PyFloat_CheckExact(value)) return fabs(PyFloat_AS_DOUBLE(value)) < 1e300;
  if (!PyLong_CheckExact(value)) return false;
  int overflow;
  long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
  return !overflow && (kind == DOUBLE || (number >= 0 && number < 1 << 16));
}

/* False where the value is unusual, maybe with an exception set. What is given again goes before. */
static bool take_slot(const Writer *writer, Fields *fields, int slot, PyObject *value) {
  if (value != Py_None && !fits(value, writer->kinds[slot])) return false;
  Py_XSETREF(fields->slots[slot], value == Py_None ? NULL : Py_NewRef(value));
  return true;
}

static bool is_scalar(PyObject *value) {
  if (value == Py_None || PyBool_Check(value) || PyUnicode_CheckExact(value)) return true;
  int overflow = 0;
  if (PyLong_CheckExact(value)) (void)PyLong_AsLongLongAndOverflow(value, &overflow);
  return PyLong_CheckExact(value) && !overflow;
}

static PyObject *walked(const Writer *writer, PyObject *value) {
  return writer->walk == Py_None ? Py_NewRef(value) : PyObject_CallOneArg(writer->walk, value);
}

static Attribute *place_of(Fields *fields, PyObject *fragment) {
  for (int i = 0; i < fields->count; i++)
    if (fields->attributes[i].fragment == fragment) return &fields->attributes[i];
  if (fields->count == MOST_ATTRIBUTES) return NULL;
  fields->attributes[fields->count] = (Attribute){Py_NewRef(fragment), NULL, SCALAR};
  return &fields->attributes[fields->count++];
}

/* A value with few decimals, as most are, needs no help; see `line_decimal`. */
static bool is_short(PyObject *value) { return PyFloat_CheckExact(value) && line_is_decimal(PyFloat_AS_DOUBLE(value)); }

/* As `take_slot`; a name that is given again stays at its place. */
static bool take_attribute(const Writer *writer, Fields *fields, PyObject *fragment, PyObject *value) {
  Attribute *attribute = place_of(fields, fragment);
  if (!attribute) return false;
  Py_CLEAR(attribute->value);
  attribute->kind = SCALAR;
  if (is_scalar(value) || is_short(value)) {
    attribute->value = Py_NewRef(value);
  } else if (PyFloat_CheckExact(value)) {
    attribute->value = dump(writer, value), attribute->kind = NUMBER;
  } else {
    PyObject *clean = walked(writer, value);
    attribute->value = clean ? dump(writer, clean) : NULL, attribute->kind = JSON;
    Py_XDECREF(clean);
  }
  return attribute->value;
}

/* Whether there is a secret tells nothing of it. */
static bool says_something(PyObject *value) { return value != Py_None && !PyBool_Check(value); }

static bool take(Writer *writer, const Parts *parts, int place, PyObject *name, PyObject *value, Fields *fields) {
  const Key *key = key_of(writer, name);
  if (!key || key->class == UNUSUAL) return false;
  int class = key->class;
  if (class == STANDARD) return parts->of_log_record && place == OWN;
  if (class >= 0) return !(parts->exc_info && class >= writer->first_of_exception) && take_slot(writer, fields, class, value);
  PyObject *fragment = Py_NewRef(key->fragment); /* code of the application may have all keys forgotten */
  bool taken = take_attribute(writer, fields, fragment, class == HIDDEN && says_something(value) ? writer->hidden : value);
  Py_DECREF(fragment);
  return taken;
}

static bool take_all(Writer *writer, const Parts *parts, Fields *fields) {
  unsigned long forgotten = writer->forgotten;
  for (int place = 0; place < MOST_GIVEN; place++) {
    PyObject *given = parts->given[place], *name, *value;
    Py_ssize_t at = 0, size = given ? PyDict_GET_SIZE(given) : 0;
    while (given && PyDict_Next(given, &at, &name, &value)) {
      Py_INCREF(name), Py_INCREF(value); /* another thread may take them out */
      bool taken = take(writer, parts, place, name, value, fields);
      Py_DECREF(name), Py_DECREF(value);
      if (!taken || PyDict_GET_SIZE(given) != size) return false; /* changed by code that a value ran */
    }
  }
  return forgotten == writer->forgotten; /* else a name may be there twice */
}

/* The line */

static bool put_bytes(Line *line, PyObject *bytes) {
  return line_raw(line, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
}

#define put_literal(line, literal) line_raw(line, literal, sizeof literal - 1)

static bool put_string(Line *line, PyObject *text, const Suspicion *suspicion) {
  Py_ssize_t length;
  if (!PyUnicode_CheckExact(text)) return false;
  const char *bytes = PyUnicode_AsUTF8AndSize(text, &length); /* NULL for lone surrogates */
  return bytes && line_text(line, bytes, (size_t)length, suspicion);
}

/* A text of the caller's, which may hold a secret. */
static bool put_text(const Writer *writer, Line *line, PyObject *text) {
  return put_string(line, text, &writer->suspicion);
}

/* Luhn's check, which the numbers of cards pass; https://patents.google.com/patent/US2950048A */
static bool may_be_card(int64_t number, size_t digits) {
  int sum = 0;
  size_t places = 0;
  for (; number > 0; number /= 10, places++) {
    int digit = (int)(number % 10) << (places & 1);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return digits && places >= digits && sum % 10 == 0;
}

/* Whether a number that is a text may hold what is looked for in texts. */
static bool may_be_found(const Writer *writer, int64_t number) {
  size_t places = 0;
  for (; number; number /= 10) places++;
  return writer->suspicion.all || (writer->suspicion.digits && places >= writer->suspicion.digits);
}

static bool put_scalar(const Writer *writer, Line *line, PyObject *value) {
  if (PyUnicode_CheckExact(value)) return put_text(writer, line, value);
  if (value == Py_None) return put_literal(line, "null");
  if (value == Py_True) return put_literal(line, "true");
  if (value == Py_False) return put_literal(line, "false");
  if (PyFloat_CheckExact(value)) return line_decimal(line, PyFloat_AS_DOUBLE(value));
  int64_t number = PyLong_AsLongLong(value);
  if (may_be_card(number, writer->suspicion.digits)) line->suspect = true;
  return line_number(line, number);
}

static bool put_attribute(const Writer *writer, Line *line, const Attribute *attribute) {
  if (!put_bytes(line, attribute->fragment)) return false;
  if (attribute->kind == SCALAR) return put_scalar(writer, line, attribute->value);
  if (attribute->kind == JSON)
    line_look(line, PyBytes_AS_STRING(attribute->value), (size_t)PyBytes_GET_SIZE(attribute->value), &writer->suspicion);
  return put_bytes(line, attribute->value);
}

static bool put_slot(const Writer *writer, Line *line, int slot, PyObject *value) {
  if (!value) return true;
  if (!put_bytes(line, writer->names[slot])) return false;
  if (is_short(value)) return line_decimal(line, PyFloat_AS_DOUBLE(value));
  if (PyFloat_CheckExact(value)) {
    PyObject *json = PyObject_CallOneArg(writer->dumps, value);
    bool put = json && put_bytes(line, json);
    Py_XDECREF(json);
    return put;
  }
  if (PyUnicode_CheckExact(value)) return put_text(writer, line, value);
  bool quoted = writer->kinds[slot] == TEXT;
  int64_t number = PyLong_AsLongLong(value);
  if (quoted ? may_be_found(writer, number) : may_be_card(number, writer->suspicion.digits)) line->suspect = true;
  return (!quoted || put_literal(line, "\"")) && line_number(line, number) &&
         (!quoted || put_literal(line, "\""));
}

/* The emitter's own field, if there is one, whose text is looked at if it may be a caller's. */
static bool put_named(Line *line, const char *name, PyObject *text, const Suspicion *suspicion) {
  return !text || (line_raw(line, name, strlen(name)) && put_string(line, text, suspicion));
}

static bool put_head(const Writer *writer, Line *line, const Parts *parts) {
  const char *level = LEVELS[parts->level], *stream = STREAM_NAMES[parts->stream];
  return put_literal(line, "{\"timestamp\":") && line_time(line, parts->time_us) &&
         put_literal(line, ",\"level\":\"") && line_raw(line, level, strlen(level)) &&
         put_literal(line, "\",\"stream\":\"") && line_raw(line, stream, strlen(stream)) && put_literal(line, "\"") &&
         put_bytes(line, writer->resource) && put_named(line, ",\"logger\":", parts->logger, NULL);
}

/* The fields of an exception, in their order. */
static bool put_raised(const Writer *writer, Line *line, PyObject *raised) {
  PyObject *name, *value;
  Py_ssize_t at = 0;
  while (raised && raised != Py_None && PyDict_Next(raised, &at, &name, &value)) {
    PyObject *fragment = fragment_of(writer, name);
    bool put = fragment && put_bytes(line, fragment) && put_text(writer, line, value);
    Py_XDECREF(fragment);
    if (!put) return false;
  }
  return true;
}

static bool put_place(const Writer *writer, Line *line, const Parts *parts) {
  if (parts->place) {
    if (!put_bytes(line, parts->place)) return false;
  } else if (!put_named(line, ",\"module\":", parts->module, NULL) ||
             !put_named(line, ",\"function\":", parts->function, NULL) || !put_literal(line, ",\"line\":") ||
             !line_number(line, parts->line)) {
    return false;
  }
  if (parts->process && (!put_literal(line, ",\"process\":") || !line_number(line, parts->process))) return false;
  return put_named(line, ",\"thread\":", parts->thread, NULL) && put_bytes(line, writer->instance) &&
         line_number(line, (int64_t)writer->seq + 1);
}

static bool put_all(const Writer *writer, Line *line, const Parts *parts, const Fields *fields, PyObject *raised) {
  if (!put_head(writer, line, parts) || !put_slot(writer, line, 0, fields->slots[0])) return false;
  if (!put_named(line, ",\"message\":", parts->message, &writer->suspicion)) return false;
  if (!put_named(line, ",\"template\":", parts->template, &writer->suspicion)) return false;
  for (int slot = 1; slot < writer->slots; slot++)
    if (!put_slot(writer, line, slot, fields->slots[slot])) return false;
  if (!put_raised(writer, line, raised) || !put_place(writer, line, parts)) return false;
  for (int i = 0; i < fields->count; i++)
    if (!put_attribute(writer, line, &fields->attributes[i])) return false;
  return put_literal(line, "}\n") && line->length <= (size_t)writer->max_line_bytes && !line->suspect;
}

static bool append(const Writer *writer, const Parts *parts, const Line *line, bool *rotated) {
  PyObject *file = writer->files[parts->stream];
  if (Py_IS_TYPE(file, &SharedFile_Type)) {
    return !shared_file_append(file, line->bytes, line->length, parts->is_now ? parts->time_us : wall_us(), rotated);
  }
  PyObject *done = PyObject_CallMethod(file, "append", "y#", line->bytes, (Py_ssize_t)line->length);
  if (done == Py_True) *rotated = true;
  Py_XDECREF(done);
  return done != NULL;
}

static void lose(const Writer *writer, const Parts *parts, const Line *line) {
  PyObject *kind, *error, *trace;
  PyErr_Fetch(&kind, &error, &trace);
  PyErr_NormalizeException(&kind, &error, &trace);
  PyObject *done = PyObject_CallMethod(writer->host, "lose", "s(y#)O", STREAM_NAMES[parts->stream], line->bytes,
                                       (Py_ssize_t)line->length, error);
  Py_XDECREF(done), Py_XDECREF(kind), Py_XDECREF(error), Py_XDECREF(trace);
}

static Outcome finish(Writer *writer, const Parts *parts, const Line *line) {
  bool rotated = false;
  if (append(writer, parts, line, &rotated)) {
    if (parts->level >= writer->sync_from) tell(writer, "sync", STREAM_NAMES[parts->stream]);
  } else {
    if (!PyErr_ExceptionMatches(PyExc_Exception)) return RAISED;
    lose(writer, parts, line);
  }
  if (rotated && !PyErr_Occurred()) tell(writer, "rotated", NULL);
  if (writer->shown != Py_None && !PyErr_Occurred()) {
    PyObject *done = PyObject_CallFunction(writer->shown, "y#", line->bytes, (Py_ssize_t)line->length);
    Py_XDECREF(done);
  }
  if (writer->attention && !PyErr_Occurred()) tell(writer, "attend", NULL);
  return PyErr_Occurred() && aside_or_raised() == RAISED ? RAISED : WRITTEN;
}

static bool has_trace(const Parts *parts) {
  for (int place = CONTEXT; place < MOST_GIVEN; place++)
    if (parts->given[place] && PyDict_GetItemWithError(parts->given[place], trace_id)) return true;
  return false;
}

/* What is around the caller: the fields of contexts, and the ids of the active span, unless a trace is given. */
static bool add_surroundings(const Writer *writer, Parts *parts, PyObject **context, PyObject **span) {
  if (PyContextVar_Get(writer->context, NULL, context)) return false;
  if (*context && !PyDict_CheckExact(*context)) return false;
  parts->given[CONTEXT] = *context;
  if (!PyDict_GetItemWithError(PyImport_GetModuleDict(), opentelemetry) || has_trace(parts)) return true;
  *span = PyObject_CallNoArgs(writer->span);
  if (!*span || !PyDict_CheckExact(*span)) return false;
  parts->given[SPAN] = *span;
  return true;
}

/* The objects of the parts, of which code of the application may take each from where it came. */
enum { MOST_HELD = MOST_GIVEN + 8 };

static void hold(const Parts *parts, PyObject **held) {
  PyObject *all[] = {parts->logger,   parts->message, parts->template, parts->thread,
                     parts->exc_info, parts->module,  parts->function, parts->place};
  memcpy(held, all, sizeof all);
  memcpy(held + 8, parts->given, sizeof parts->given);
  for (int i = 0; i < MOST_HELD; i++) Py_XINCREF(held[i]);
}

Outcome writer_write(Writer *writer, Parts *parts) {
  PyObject *held[MOST_HELD];
  hold(parts, held);
  Fields fields;
  memset(fields.slots, 0, sizeof fields.slots);
  fields.count = 0;
  Line line;
  line_begin(&line);
  PyObject *raised = NULL, *context = NULL, *span = NULL;
  Outcome outcome = ASIDE;
  bool ready = (!parts->logger || !PySet_Contains(writer->unusual, parts->logger)) && add_surroundings(writer, parts, &context, &span);
  ready = ready && (!parts->exc_info || (raised = PyObject_CallOneArg(writer->describe, parts->exc_info)));
  if (raised == Py_None) parts->exc_info = NULL;
  ready = ready && take_all(writer, parts, &fields) && put_all(writer, &line, parts, &fields, raised);
  if (ready) {
    writer->seq++;
    outcome = finish(writer, parts, &line);
  } else {
    outcome = aside_or_raised();
  }
  Py_XDECREF(raised), Py_XDECREF(context), Py_XDECREF(span);
  line_end(&line);
  fields_clear(&fields, writer->slots);
  for (int i = 0; i < MOST_HELD; i++) Py_XDECREF(held[i]);
  return outcome;
}

/* For Python */

static PyObject *begin(PyObject *object, PyObject *args) {
  Writer *writer = (Writer *)object;
  PyObject *instance;
  long process;
  if (!PyArg_ParseTuple(args, "Sl", &instance, &process)) return NULL;
  Py_XSETREF(writer->instance, Py_NewRef(instance));
  writer->process = process, writer->seq = 0;
  Py_RETURN_NONE;
}

static PyObject *next_seq(PyObject *object, PyObject *Py_UNUSED(unused)) {
  return PyLong_FromUnsignedLongLong(++((Writer *)object)->seq);
}

static int take_slots(Writer *writer, PyObject *slots) {
  writer->slots = (int)PyTuple_GET_SIZE(slots);
  if (writer->slots > MOST_SLOTS) return PyErr_SetString(PyExc_ValueError, "too many fields"), -1;
  for (int i = 0; i < writer->slots; i++) {
    PyObject *name;
    if (!PyArg_ParseTuple(PyTuple_GET_ITEM(slots, i), "Ui", &name, &writer->kinds[i])) return -1;
    if (!(writer->names[i] = fragment_of(writer, name))) return -1;
  }
  return 0;
}

static int take_literals(Writer *writer, PyObject *literals) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(literals); i++) {
    char *bytes;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(PyTuple_GET_ITEM(literals, i), &bytes, &length)) return -1;
    if (!suspicion_add(&writer->suspicion, bytes, (size_t)length))
      writer->suspicion.all = true; /* too short, or too many: Python looks */
  }
  return 0;
}

static PyObject *new(PyTypeObject *type, PyObject *args, PyObject *options) {
  static char *names[] = {"host", "files", "context", "unusual", "classify", "describe", "dumps", "substitute", "walk", "span", "shown",
                          "resource", "hidden", "slots", "first_of_exception", "literals", "digits", "suspect_all",
                          "max_line_bytes", "sync_from", NULL};
  Writer *writer = (Writer *)type->tp_alloc(type, 0);
  PyObject *slots, *literals, **file = writer ? writer->files : NULL;
  Py_ssize_t digits;
  int suspect_all;
  if (!writer) return NULL;
  if (!PyArg_ParseTupleAndKeywords(args, options, "$O(OOOO)OOOOOOOOOSUO!iO!npni", names, &writer->host, &file[0], &file[1],
                                   &file[2], &file[3], &writer->context, &writer->unusual, &writer->classify, &writer->describe,
                                   &writer->dumps, &writer->substitute, &writer->walk, &writer->span, &writer->shown,
                                   &writer->resource, &writer->hidden, &PyTuple_Type, &slots,
                                   &writer->first_of_exception, &PyTuple_Type, &literals, &digits, &suspect_all,
                                   &writer->max_line_bytes, &writer->sync_from)) {
    PyObject_GC_UnTrack(writer);
    type->tp_free(writer); /* what was parsed is borrowed still */
    return NULL;
  }
  Py_INCREF(writer->host), Py_INCREF(writer->context), Py_INCREF(writer->unusual), Py_INCREF(writer->classify), Py_INCREF(writer->describe);
  Py_INCREF(writer->dumps), Py_INCREF(writer->substitute), Py_INCREF(writer->walk), Py_INCREF(writer->span);
  Py_INCREF(writer->shown);
  Py_INCREF(writer->resource), Py_INCREF(writer->hidden);
  for (int i = 0; i < STREAMS; i++) Py_INCREF(file[i]);
  writer->suspicion.digits = (size_t)digits, writer->suspicion.all = suspect_all;
  writer->numbers = PyDict_New();
  writer->instance = PyBytes_FromString("");
  if (writer->numbers && writer->instance && !take_slots(writer, slots) && !take_literals(writer, literals))
    return (PyObject *)writer;
  Py_DECREF(writer);
  return NULL;
}

static int traverse(PyObject *object, visitproc visit, void *arg) {
  Writer *writer = (Writer *)object;
  for (int i = 0; i < STREAMS; i++) Py_VISIT(writer->files[i]);
  Py_VISIT(writer->host); Py_VISIT(writer->context); Py_VISIT(writer->unusual); Py_VISIT(writer->classify); Py_VISIT(writer->describe);
  Py_VISIT(writer->dumps); Py_VISIT(writer->substitute); Py_VISIT(writer->walk); Py_VISIT(writer->span);
  Py_VISIT(writer->shown);
  return 0;
}

static int clear(PyObject *object) {
  Writer *writer = (Writer *)object;
  for (int i = 0; i < STREAMS; i++) Py_CLEAR(writer->files[i]);
  Py_CLEAR(writer->host); Py_CLEAR(writer->context); Py_CLEAR(writer->unusual); Py_CLEAR(writer->classify); Py_CLEAR(writer->describe);
  Py_CLEAR(writer->dumps); Py_CLEAR(writer->substitute); Py_CLEAR(writer->walk); Py_CLEAR(writer->span);
  Py_CLEAR(writer->shown);
  return 0;
}

static void dealloc(PyObject *object) {
  Writer *writer = (Writer *)object;
  PyObject_GC_UnTrack(object);
  clear(object);
  if (writer->numbers) forget_keys(writer);
  for (int i = 0; i < MOST_SLOTS; i++) Py_CLEAR(writer->names[i]);
  Py_CLEAR(writer->numbers); Py_CLEAR(writer->resource); Py_CLEAR(writer->instance); Py_CLEAR(writer->hidden);
  suspicion_clear(&writer->suspicion);
  Py_TYPE(object)->tp_free(object);
}

static PyMethodDef methods[] = {
    {"begin", begin, METH_VARARGS, NULL},
    {"next_seq", next_seq, METH_NOARGS, NULL},
    {"handle", writer_handle, METH_O, NULL},
    {"loguru", writer_loguru, METH_O, NULL},
    {"structlog", writer_structlog, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {{"attention", T_BOOL, offsetof(Writer, attention), 0, NULL}, {NULL, 0, 0, 0, NULL}};

PyTypeObject Writer_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "logpipe.emit._native.Writer",
    .tp_basicsize = sizeof(Writer),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = new,
    .tp_dealloc = dealloc,
    .tp_traverse = traverse,
    .tp_clear = clear,
    .tp_methods = methods,
    .tp_members = members,
};
