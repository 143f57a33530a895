/* The page that the writers of one log file share: a file of 4 KB beside it, mapped into each process.
 *
 * Its mutex is a robust one (POSIX pthread_mutexattr_setrobust): the kernel hands it on when its holder is killed. Each
 * process holds a shared flock on the page for as long as it uses it; who gets an exclusive one is alone, and makes the
 * mutex anew, whatever a crash of the machine or another release left there.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct {
  uint64_t layout;
  pthread_mutex_t mutex;
  uint64_t device, inode; /* of the log file that the following is about */
  uint64_t generation;    /* grows whenever the path may have come to name another file */
  uint64_t size;          /* up to here it is whole lines, as far as its writers know; or UNKNOWN */
  int64_t born_us;        /* when its first record was made; 0 where it has none */
  uint64_t suspect;       /* whether the last writer may have died in the middle of a line */
} Page;

#define UNKNOWN UINT64_MAX

typedef struct {
  Page *page; /* NULL: not joined */
  int fd;     /* holds the flock */
} Membership;

/* Maps the page, and makes it where it is not; gives an errno: ENOTSUP where a program with another mutex
 * uses it, ESTALE where it was emptied under those who use it: it is deleted, and they make another. */
int page_join(const char *path, Membership *membership);
void page_leave(Membership *membership);

/* Whether the path still names the file that is mapped, at its full size. */
bool page_is_current(const char *path, const Membership *membership);

/* 0 with the lock held, ETIMEDOUT after `patience_ms`, or another errno. */
int page_lock(Page *page, int patience_ms);
void page_unlock(Page *page);
