// ways WAY FILE SIZE writes FILE to standard output, read in one of many ways.
// SIZE is only for those that cannot find the end by themselves. Exit status 77
// means that the kernel, or a sandbox, does not have the way.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK 60000 // no multiple of anything

static _Alignas(4096) char buf[1 << 20];
static const char *file;
static off_t size;

static void die(const char *what) {
	perror(what);
	exit(1);
}

// have is check for what has nothing to do with the file.
static long have(long n, const char *what) {
	if (n >= 0)
		return n;
	perror(what);
	exit(77);
}

static long check(long n, const char *what) {
	if (n < 0)
		die(what);
	return n;
}

static void out(const void *p, size_t n) {
	while (n > 0) {
		long w = check(write(1, p, n), "write");
		p = (const char *)p + w;
		n -= w;
	}
}

static int opened(void) { return check(open(file, O_RDONLY), "open"); }

static void all(int fd) {
	long n;
	while ((n = check(read(fd, buf, CHUNK), "read")) > 0)
		out(buf, n);
}

static void by_read(void) { all(opened()); }

static void by_pread(void) {
	int fd = opened();
	long n;
	for (off_t at = 0; (n = check(pread(fd, buf, CHUNK, at), "pread")) > 0; at += n)
		out(buf, n);
}

static void by_readv(void) {
	int fd = opened();
	struct iovec v[2] = {{buf, 1000}, {buf + 1000, CHUNK - 1000}};
	long n;
	while ((n = check(readv(fd, v, 2), "readv")) > 0)
		out(buf, n);
}

static void by_preadv2(void) {
	int fd = opened();
	struct iovec v = {buf, CHUNK};
	long n;
	for (off_t at = 0; (n = check(preadv2(fd, &v, 1, at, 0), "preadv2")) > 0; at += n)
		out(buf, n);
}

static void by_sendfile(void) {
	int fd = opened();
	while (check(sendfile(1, fd, NULL, CHUNK), "sendfile") > 0)
		;
}

static void by_sendfile_at(void) {
	int fd = opened();
	off_t at = 0;
	while (check(sendfile(1, fd, &at, CHUNK), "sendfile") > 0)
		;
}

// Another process reads from the socket, so that nothing waits for itself.
static void by_sendfile_socket(void) {
	int s[2], status;
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, s), "socketpair");
	pid_t pid = check(fork(), "fork");
	if (pid == 0) {
		close(s[0]);
		all(s[1]);
		exit(0);
	}
	close(s[1]);
	int fd = opened();
	while (check(sendfile(s[0], fd, NULL, CHUNK), "sendfile") > 0)
		;
	close(s[0]);
	check(waitpid(pid, &status, 0), "waitpid");
	if (status != 0)
		exit(1);
}

static void by_splice(void) {
	int fd = opened(), p[2];
	check(pipe(p), "pipe");
	long n;
	while ((n = check(splice(fd, NULL, p[1], NULL, CHUNK, SPLICE_F_MOVE), "splice")) > 0)
		while (n > 0)
			n -= check(splice(p[0], NULL, 1, NULL, n, 0), "splice out");
}

// Between file systems the kernel says EXDEV, and programs read.
static void by_copy_file_range(void) {
	int fd = opened();
	long n, sum = 0;
	while ((n = copy_file_range(fd, NULL, 1, NULL, CHUNK, 0)) > 0)
		sum += n;
	if (n < 0 && sum == 0 && errno == EXDEV)
		all(fd);
	else
		check(n, "copy_file_range");
}

static void by_mmap(void) {
	char *m = mmap(NULL, size, PROT_READ, MAP_SHARED, opened(), 0);
	if (m == MAP_FAILED)
		die("mmap");
	memcpy(buf, m, size); // touched by the processor, not by write(2)
	out(buf, size);
}

static void by_mmap_private(void) {
	int fd = opened();
	struct stat st;
	check(fstat(fd, &st), "fstat");
	char *m = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (m == MAP_FAILED)
		die("mmap");
	out(m, st.st_size);
}

static void by_direct(void) {
	int fd = check(open(file, O_RDONLY | O_DIRECT), "open");
	long n;
	while ((n = check(read(fd, buf, 1 << 16), "read")) > 0)
		out(buf, n);
}

static void by_seek_end(void) {
	int fd = opened();
	off_t end = check(lseek(fd, 0, SEEK_END), "lseek");
	check(lseek(fd, 0, SEEK_SET), "lseek");
	long n;
	for (off_t at = 0; at < end; at += n)
		if ((n = check(read(fd, buf, end - at < CHUNK ? end - at : CHUNK), "read")) == 0)
			exit(2);
		else
			out(buf, n);
}

// As cp and tar look for holes.
static void by_seek_hole(void) {
	int fd = opened();
	off_t at = 0, hole;
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		hole = check(lseek(fd, at, SEEK_HOLE), "SEEK_HOLE");
		for (long n; at < hole; at += n) {
			n = check(pread(fd, buf, hole - at < CHUNK ? hole - at : CHUNK, at), "pread");
			if (n == 0)
				exit(2);
			out(buf, n);
		}
	}
	if (errno != ENXIO)
		die("SEEK_DATA");
}

static void by_readahead(void) {
	int fd = opened();
	check(readahead(fd, 0, size), "readahead");
	all(fd);
}

static void by_fadvise(void) {
	int fd = opened();
	for (int advice = POSIX_FADV_NORMAL; advice <= POSIX_FADV_NOREUSE; advice++)
		if ((errno = posix_fadvise(fd, 0, 0, advice)) != 0)
			die("posix_fadvise");
	all(fd);
}

static void by_backwards(void) {
	int fd = opened();
	for (off_t at = size; at > 0;) {
		off_t n = at < 4000 ? at : 4000;
		at -= n;
		if (check(pread(fd, buf + at, n, at), "pread") != n)
			exit(2);
	}
	out(buf, size);
}

static void by_aio(void) {
	aio_context_t ctx = 0;
	have(syscall(SYS_io_setup, 4, &ctx), "io_setup");
	int fd = opened();
	for (off_t at = 0;;) {
		struct iocb cb = {.aio_fildes = fd, .aio_lio_opcode = IOCB_CMD_PREAD, .aio_buf = (uintptr_t)buf, .aio_nbytes = CHUNK, .aio_offset = at}, *cbs = &cb;
		struct io_event ev;
		check(syscall(SYS_io_submit, ctx, 1, &cbs), "io_submit");
		check(syscall(SYS_io_getevents, ctx, 1, 1, &ev, NULL), "io_getevents");
		errno = -(int)ev.res;
		check(ev.res, "aio read");
		if (ev.res == 0)
			return;
		out(buf, ev.res);
		at += ev.res;
	}
}

// A ring of one entry.
static struct {
	int fd;
	unsigned *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
} ring;

static void *ring_map(size_t n, off_t at) {
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, at);
	if (p == MAP_FAILED)
		die("mmap of a ring");
	return p;
}

static void ring_open(void) {
	struct io_uring_params p = {0};
	ring.fd = have(syscall(SYS_io_uring_setup, 1, &p), "io_uring_setup");
	char *sq = ring_map(p.sq_off.array + p.sq_entries * 4, IORING_OFF_SQ_RING);
	char *cq = ring_map(p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	ring.sqes = ring_map(p.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	ring.sq_tail = (unsigned *)(sq + p.sq_off.tail);
	ring.sq_mask = (unsigned *)(sq + p.sq_off.ring_mask);
	ring.sq_array = (unsigned *)(sq + p.sq_off.array);
	ring.cq_head = (unsigned *)(cq + p.cq_off.head);
	ring.cq_tail = (unsigned *)(cq + p.cq_off.tail);
	ring.cq_mask = (unsigned *)(cq + p.cq_off.ring_mask);
	ring.cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
}

static int ring_do(int op, int fd, void *addr, unsigned len, uint64_t off, unsigned flags) {
	unsigned i = *ring.sq_tail & *ring.sq_mask;
	struct io_uring_sqe *e = &ring.sqes[i];
	memset(e, 0, sizeof *e);
	e->opcode = op, e->fd = fd, e->addr = (uintptr_t)addr, e->len = len, e->off = off, e->open_flags = flags;
	ring.sq_array[i] = i;
	__atomic_store_n(ring.sq_tail, *ring.sq_tail + 1, __ATOMIC_RELEASE);
	check(syscall(SYS_io_uring_enter, ring.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0), "io_uring_enter");
	while (__atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE) == *ring.cq_head)
		;
	int res = ring.cqes[*ring.cq_head & *ring.cq_mask].res;
	__atomic_store_n(ring.cq_head, *ring.cq_head + 1, __ATOMIC_RELEASE);
	errno = -res;
	return check(res, "io_uring");
}

static void by_io_uring(void) {
	ring_open();
	int fd = ring_do(IORING_OP_OPENAT, AT_FDCWD, (void *)file, 0, 0, O_RDONLY), n;
	for (off_t at = 0; (n = ring_do(IORING_OP_READ, fd, buf, CHUNK, at, 0)) > 0; at += n)
		out(buf, n);
}

static void by_io_uring_splice(void) {
	ring_open();
	int fd = opened(), p[2], n;
	check(pipe(p), "pipe");
	for (;;) {
		unsigned i = *ring.sq_tail & *ring.sq_mask;
		memset(&ring.sqes[i], 0, sizeof ring.sqes[i]);
		struct io_uring_sqe *e = &ring.sqes[i];
		e->opcode = IORING_OP_SPLICE, e->fd = p[1], e->off = -1, e->splice_fd_in = fd, e->splice_off_in = -1, e->len = CHUNK;
		ring.sq_array[i] = i;
		__atomic_store_n(ring.sq_tail, *ring.sq_tail + 1, __ATOMIC_RELEASE);
		check(syscall(SYS_io_uring_enter, ring.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0), "io_uring_enter");
		n = ring.cqes[*ring.cq_head & *ring.cq_mask].res;
		__atomic_store_n(ring.cq_head, *ring.cq_head + 1, __ATOMIC_RELEASE);
		errno = -n;
		if (check(n, "io_uring splice") == 0)
			return;
		while (n > 0)
			n -= check(splice(p[0], NULL, 1, NULL, n, 0), "splice out");
	}
}

// Opened first as a mere place in the tree, as systemd, Samba and Ganesha do.
static void by_path_descriptor(void) {
	char link[64];
	snprintf(link, sizeof link, "/proc/self/fd/%ld", check(open(file, O_PATH), "open"));
	int fd = check(open(link, O_RDONLY), "open by /proc");
	while (check(sendfile(1, fd, NULL, CHUNK), "sendfile") > 0)
		;
}

static void by_openat2(void) {
	struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_NOATIME, .resolve = RESOLVE_NO_SYMLINKS};
	int fd = check(syscall(SYS_openat2, AT_FDCWD, file, &how, sizeof how), "openat2");
	while (check(sendfile(1, fd, NULL, CHUNK), "sendfile") > 0)
		;
}

// By a file handle, as NFS servers do.
static void by_handle(void) {
	struct {
		struct file_handle h;
		char space[MAX_HANDLE_SZ];
	} x = {.h.handle_bytes = MAX_HANDLE_SZ};
	int id, place = check(open(file, O_PATH), "open");
	check(name_to_handle_at(AT_FDCWD, file, &x.h, &id, 0), "name_to_handle_at");
	char *dir = strdup(file);
	*strrchr(dir, '/') = 0;
	int at = check(open(dir, O_RDONLY | O_DIRECTORY), "open of the directory");
	have(-geteuid(), "open_by_handle_at"); // root may
	int fd = check(open_by_handle_at(at, &x.h, O_RDONLY), "open_by_handle_at");
	while (check(sendfile(1, fd, NULL, CHUNK), "sendfile") > 0)
		;
	close(place);
}

static const struct {
	const char *name;
	void (*by)(void);
} ways[] = {
	{"read", by_read}, {"pread", by_pread}, {"readv", by_readv}, {"preadv2", by_preadv2},
	{"sendfile", by_sendfile}, {"sendfile with an offset", by_sendfile_at}, {"sendfile to a socket", by_sendfile_socket},
	{"splice", by_splice}, {"copy_file_range", by_copy_file_range},
	{"mmap without fstat", by_mmap}, {"mmap after fstat", by_mmap_private}, {"O_DIRECT", by_direct},
	{"SEEK_END", by_seek_end}, {"SEEK_DATA and SEEK_HOLE", by_seek_hole},
	{"readahead", by_readahead}, {"posix_fadvise", by_fadvise}, {"backwards", by_backwards},
	{"aio", by_aio}, {"io_uring", by_io_uring}, {"splice in io_uring", by_io_uring_splice},
	{"O_PATH and /proc", by_path_descriptor}, {"openat2", by_openat2}, {"a file handle", by_handle},
};

int main(int argc, char **argv) {
	size_t n = sizeof ways / sizeof *ways;
	if (argc == 1) {
		for (size_t i = 0; i < n; i++)
			puts(ways[i].name);
		return 0;
	}
	if (argc != 4)
		return 2;
	file = argv[2];
	size = atoll(argv[3]);
	for (size_t i = 0; i < n; i++)
		if (strcmp(ways[i].name, argv[1]) == 0) {
			ways[i].by();
			return 0;
		}
	return 2;
}
