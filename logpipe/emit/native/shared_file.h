/* One stream's file: whole lines appended by any number of threads and processes, rotated by rename. */
#pragma once

#include "shared_page.h"

typedef struct File {
  char *path, *page_path, *stem; /* stem: the path without the suffix of its name */
  uint64_t max_bytes;
  int64_t period_us; /* 0: never */
  pthread_mutex_t threads; /* what follows is for one thread at a time */
  Membership membership;
  int fd; /* -1: not open */
  uint64_t generation;
  int64_t looked_us; /* when the path was last seen to name the file */
  int64_t rotate_after_us; /* a rename that failed is not tried again before */
  bool synced;    /* who appends to it wants it on the disk */
  bool impatient; /* the lock was not to be had for seconds: do not wait as long again */
  struct File *next;
} File;

/* NULL without memory. */
File *file_new(const char *path, uint64_t max_bytes, int64_t period_us);
void file_free(File *file);

/* All of these give an errno; where `file_append` does, nothing of the line is in the file. `now_us` may be a little ago. */
int file_append(File *file, const char *line, size_t length, int64_t now_us, bool *rotated);
int file_open(File *file);
int file_sync(File *file);
void file_close(File *file);

int64_t now_us(void);
