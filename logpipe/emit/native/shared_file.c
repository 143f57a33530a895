#define _GNU_SOURCE
#include "shared_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
  LOOK_EVERY_US = 1000, /* how long a file that others moved is still written to */
  PATIENCE_MS = 5000,
  IMPATIENCE_MS = 10,
  ATTEMPTS = 8, /* to find a page that nobody deletes */
  RETRY_ROTATION_US = 60000000,
  HEAD = 33, /* {"timestamp":"2026-01-02T03:04:05 */
};

static File *files; /* of this process: a fork must find none of them in the middle of a write */
static pthread_mutex_t files_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void before_fork(void) {
  pthread_mutex_lock(&files_lock);
  for (File *file = files; file; file = file->next) pthread_mutex_lock(&file->threads);
}

static void after_fork_in_parent(void) {
  for (File *file = files; file; file = file->next) pthread_mutex_unlock(&file->threads);
  pthread_mutex_unlock(&files_lock);
}

static void after_fork_in_child(void) {
  for (File *file = files; file; file = file->next) pthread_mutex_init(&file->threads, NULL);
  pthread_mutex_init(&files_lock, NULL);
}

static void follow_forks(void) { pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child); }

int64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

File *file_new(const char *path, uint64_t max_bytes, int64_t period_us) {
  pthread_once(&once, follow_forks);
  File *file = calloc(1, sizeof *file);
  if (!file) return NULL;
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
  file->path = strdup(path);
  file->stem = strndup(path, dot && dot != name ? (size_t)(dot - path) : strlen(path));
  if (asprintf(&file->page_path, "%.*s.%s.lock", (int)(name - path), path, name) < 0) file->page_path = NULL;
  file->max_bytes = max_bytes, file->period_us = period_us, file->fd = -1;
  pthread_mutex_init(&file->threads, NULL);
  pthread_mutex_lock(&files_lock);
  file->next = files, files = file;
  pthread_mutex_unlock(&files_lock);
  if (file->path && file->stem && file->page_path) return file;
  file_free(file);
  return NULL;
}

static void let_go(File *file) {
  if (file->fd >= 0 && file->synced) fdatasync(file->fd); /* for who has appended to it, and comes to sync now */
  if (file->fd >= 0) close(file->fd);
  file->fd = -1;
}

static void leave(File *file) {
  let_go(file);
  if (file->membership.page) page_leave(&file->membership);
}

void file_free(File *file) {
  pthread_mutex_lock(&files_lock);
  for (File **place = &files; *place; place = &(*place)->next)
    if (*place == file) {
      *place = file->next;
      break;
    }
  pthread_mutex_unlock(&files_lock);
  leave(file);
  pthread_mutex_destroy(&file->threads);
  free(file->path), free(file->stem), free(file->page_path), free(file);
}

/* The end of the last line at or after `from`; `from` itself where there is none. */
static int64_t end_of_lines(int fd, int64_t from, int64_t size) {
  char bytes[8192];
  while (size > from) {
    int64_t start = size - (int64_t)sizeof bytes > from ? size - (int64_t)sizeof bytes : from;
    ssize_t got = pread(fd, bytes, (size_t)(size - start), start);
    char *newline = got > 0 ? memrchr(bytes, '\n', (size_t)got) : NULL;
    if (newline) return start + (newline - bytes) + 1;
    size = start;
  }
  return from;
}

/* When the file's first record was made; the file's own time where it does not say, 0 where it is empty. */
static int64_t first_time(int fd, const struct stat *status) {
  char head[HEAD + 1] = {0};
  struct tm moment = {0};
  if (!status->st_size) return 0;
  if (pread(fd, head, HEAD, 0) == HEAD) {
    char *end = strptime(head + HEAD - 19, "%Y-%m-%dT%H:%M:%S", &moment);
    if (end && !*end) return timegm(&moment) * INT64_C(1000000);
  }
  return status->st_mtim.tv_sec * INT64_C(1000000);
}

/* Sees to it that the file ends in a newline, and that the page knows its size. */
static int mend(File *file, const struct stat *status) {
  Page *page = file->membership.page;
  int64_t size = status->st_size;
  bool known = page->size != UNKNOWN, suspect = page->suspect;
  if (known && page->size == (uint64_t)size) {
    page->suspect = 0;
    return 0;
  }
  if (suspect && known && page->size < (uint64_t)size) {
    size = end_of_lines(file->fd, (int64_t)page->size, size); /* the call whose line is cut off never returned */
    if (ftruncate(file->fd, size)) return errno;
  } else if (size) {
    char last = '\n';
    if (pread(file->fd, &last, 1, size - 1) == 1 && last != '\n') { /* not by one of us: it stays to be seen */
      if (write(file->fd, "\n", 1) != 1) return errno;
      size++;
    }
  }
  page->size = (uint64_t)size, page->suspect = 0;
  page->born_us = size ? first_time(file->fd, status) : 0;
  return 0;
}

static int open_file(File *file, struct stat *status) {
  Page *page = file->membership.page;
  file->fd = open(file->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (file->fd < 0 || fstat(file->fd, status)) return errno;
  if (!S_ISREG(status->st_mode)) return EINVAL;
  if (status->st_dev != page->device || status->st_ino != page->inode) {
    page->device = status->st_dev, page->inode = status->st_ino;
    page->size = UNKNOWN;
    page->generation++;
  }
  file->generation = page->generation;
  return 0;
}

/* Opens what the path names, if it is not that which is open, and mends it. */
static int look(File *file) {
  const Page *page = file->membership.page;
  struct stat status;
  bool same = file->fd >= 0 && file->generation == page->generation && !stat(file->path, &status) &&
              status.st_dev == page->device && status.st_ino == page->inode;
  if (!same) {
    let_go(file);
    int error = open_file(file, &status);
    if (error) {
      let_go(file);
      return error;
    }
  }
  return mend(file, &status);
}

static int rename_aside(File *file, int64_t now) {
  const char *suffix = file->path + strlen(file->stem);
  char *target = NULL, stamp[32];
  for (;; now++) {
    time_t second = now / 1000000;
    struct tm moment;
    gmtime_r(&second, &moment);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", &moment);
    free(target);
    if (asprintf(&target, "%s.%s.%06dZ-%d%s.zst", file->stem, stamp, (int)(now % 1000000), getpid(), suffix) < 0)
      return ENOMEM;
    char *end = target + strlen(target) - 4;
    bool taken = !access(target, F_OK);
    strcpy(end, ".gz");
    taken |= !access(target, F_OK);
    *end = 0;
    if (taken || !access(target, F_OK)) continue;
    int error = rename(file->path, target) ? errno : 0;
    free(target);
    return error;
  }
}

static bool is_due(const File *file, size_t length, int64_t now) {
  const Page *page = file->membership.page;
  if (!page->size || now < file->rotate_after_us) return false;
  if (page->size + length > file->max_bytes) return true;
  return file->period_us && now / file->period_us > page->born_us / file->period_us;
}

static int rotate(File *file, int64_t now, bool *rotated) {
  int error = rename_aside(file, now);
  if (error && error != ENOENT) { /* ENOENT: others moved it just now */
    file->rotate_after_us = now + RETRY_ROTATION_US; /* it goes on growing */
    return 0;
  }
  if (!error) *rotated = true;
  file->membership.page->generation++;
  return look(file);
}

static int put(File *file, const char *line, size_t length) {
  Page *page = file->membership.page;
  for (size_t written = 0; written < length;) {
    ssize_t more = write(file->fd, line + written, length - written);
    if (more > 0) {
      written += (size_t)more;
    } else if (!more || errno != EINTR) {
      int error = more ? errno : EIO;
      if (ftruncate(file->fd, (off_t)page->size)) page->suspect = 1, page->generation++; /* the next look mends it */
      return error;
    }
  }
  page->size += length;
  return 0;
}

static int lock(File *file) {
  int error = page_lock(file->membership.page, file->impatient ? IMPATIENCE_MS : PATIENCE_MS);
  file->impatient = error == ETIMEDOUT;
  return error;
}

/* Takes the lock of a page that is current, with the file open that the path names. */
static int enter(File *file, int64_t now) {
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    Membership *membership = &file->membership;
    int error = membership->page ? 0 : page_join(file->page_path, membership);
    if (error == ESTALE) continue;
    if (error) return error;
    bool is_time = file->fd < 0 || llabs(now - file->looked_us) >= LOOK_EVERY_US;
    if (is_time && !page_is_current(file->page_path, membership)) {
      leave(file);
      continue;
    }
    error = lock(file);
    if (error) return error;
    if (!is_time && file->generation == membership->page->generation) return 0;
    file->looked_us = now;
    error = look(file);
    if (error) {
      let_go(file); /* what the page says of it may be wrong: look again */
      page_unlock(membership->page);
    }
    return error;
  }
  return EBUSY;
}

int file_append(File *file, const char *line, size_t length, int64_t now, bool *rotated) {
  pthread_mutex_lock(&file->threads);
  int error = enter(file, now);
  if (!error) {
    if (is_due(file, length, now)) error = rotate(file, now, rotated);
    if (!error && !file->membership.page->size) file->membership.page->born_us = now;
    if (!error) error = put(file, line, length);
    page_unlock(file->membership.page);
  }
  pthread_mutex_unlock(&file->threads);
  return error;
}

int file_open(File *file) {
  pthread_mutex_lock(&file->threads);
  int error = enter(file, now_us());
  if (!error) page_unlock(file->membership.page);
  pthread_mutex_unlock(&file->threads);
  return error;
}

int file_sync(File *file) {
  pthread_mutex_lock(&file->threads);
  file->synced = true;
  int fd = file->fd < 0 ? -1 : fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
  int error = file->fd >= 0 && fd < 0 ? errno : 0;
  pthread_mutex_unlock(&file->threads); /* others go on writing meanwhile */
  if (fd >= 0) {
    if (fdatasync(fd)) error = errno;
    close(fd);
  }
  return error;
}

void file_close(File *file) {
  pthread_mutex_lock(&file->threads);
  leave(file);
  pthread_mutex_unlock(&file->threads);
}
