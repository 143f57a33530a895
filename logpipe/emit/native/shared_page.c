#define _GNU_SOURCE
#include "shared_page.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096 };

#ifdef __GLIBC__ /* another C library has another mutex */
#define LIBRARY UINT64_C(0x676c)
#else
#define LIBRARY UINT64_C(0x6f74)
#endif
/* Who sets the clock of the system must not make anyone wait. */
#define CLOCK CLOCK_REALTIME
#define lock_until(mutex, until) pthread_mutex_timedlock(mutex, until)
#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 30)
#undef CLOCK
#undef lock_until
#define CLOCK CLOCK_MONOTONIC
#define lock_until(mutex, until) pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, until)
#endif
#endif

#define LAYOUT (UINT64_C(0x6c6f677000000000) | LIBRARY << 16 | sizeof(Page))

static int make(Page *page) {
  if (page->layout != LAYOUT) {
    memset(page, 0, sizeof *page);
    page->size = UNKNOWN;
  }
  page->suspect = 1;
  pthread_mutexattr_t attributes;
  int error = pthread_mutexattr_init(&attributes);
  if (error) return error;
  error = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  if (!error) error = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  memset(&page->mutex, 0, sizeof page->mutex);
  if (!error) error = pthread_mutex_init(&page->mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
  if (!error) page->layout = LAYOUT;
  return error;
}

static int map(int fd, bool alone, Page **page) {
  struct stat status;
  if (fstat(fd, &status)) return errno;
  if (!S_ISREG(status.st_mode)) return EINVAL;
  if (status.st_size < PAGE_BYTES) {
    if (!alone) return ESTALE;
    int error = posix_fallocate(fd, 0, PAGE_BYTES); /* a hole would end the process on a full disk */
    if (error) return error;
  }
  Page *mapped = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) return errno;
  int error = alone ? make(mapped) : mapped->layout == LAYOUT ? 0 : mapped->layout ? ENOTSUP : ESTALE;
  if (error)
    munmap(mapped, PAGE_BYTES);
  else
    *page = mapped;
  return error;
}

static int turn(int fd, int operation) {
  int failed;
  do failed = flock(fd, operation);
  while (failed && errno == EINTR);
  return failed ? errno : 0;
}

static bool is_named(const char *path, const struct stat *held) {
  struct stat named;
  return !stat(path, &named) && named.st_dev == held->st_dev && named.st_ino == held->st_ino;
}

static void delete(const char *path, int fd) {
  struct stat held;
  if (!fstat(fd, &held) && is_named(path, &held)) unlink(path);
}

int page_join(const char *path, Membership *membership) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644), error = 0;
  if (fd < 0) return errno;
  bool alone = !flock(fd, LOCK_EX | LOCK_NB);
  if (!alone) error = turn(fd, LOCK_SH);
  if (!error) error = map(fd, alone, &membership->page);
  if (error) {
    if (error == ESTALE) delete(path, fd);
    close(fd);
    return error;
  }
  membership->fd = fd;
  if (!alone || !(error = turn(fd, LOCK_SH))) return 0;
  page_leave(membership);
  return error;
}

void page_leave(Membership *membership) {
  munmap(membership->page, PAGE_BYTES);
  close(membership->fd);
  membership->page = NULL;
}

bool page_is_current(const char *path, const Membership *membership) {
  struct stat held;
  return !fstat(membership->fd, &held) && held.st_size >= PAGE_BYTES && is_named(path, &held);
}

int page_lock(Page *page, int patience_ms) {
  int error = pthread_mutex_trylock(&page->mutex);
  if (error == EBUSY) {
    struct timespec until;
    clock_gettime(CLOCK, &until);
    int64_t nanoseconds = until.tv_nsec + patience_ms * INT64_C(1000000);
    until.tv_sec += nanoseconds / 1000000000, until.tv_nsec = nanoseconds % 1000000000;
    error = lock_until(&page->mutex, &until);
  }
  if (error == EOWNERDEAD) {
    page->suspect = 1;
    page->generation++; /* it may have died in the middle of a rotation */
    error = pthread_mutex_consistent(&page->mutex);
  }
  return error;
}

void page_unlock(Page *page) { pthread_mutex_unlock(&page->mutex); }
