/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/sibling.h"

/* One that the C library has not made is like one that it has: its mutexes know it, and its death. */
static void
a_sibling_is_a_process(void **state)
{
	pthread_mutex_t *m =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t attr;
	int status;
	struct sibling sibling;
	pid_t pid, parent = getpid();

	(void)state;
	assert_ptr_not_equal(m, MAP_FAILED);
	assert_int_equal(pthread_mutexattr_init(&attr), 0);
	assert_int_equal(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED), 0);
	assert_int_equal(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST), 0);
	assert_int_equal(pthread_mutex_init(m, &attr), 0);
	if (!sibling_init(&sibling))
		skip();
	pid = fork();
	if (pid == 0) {
		pid = sibling_fork(&sibling);
		if (pid != 0)
			_exit(pid > 0 ? 0 : 1);
		if (getppid() != parent)
			_exit(2);
		/* Of this thread's it is told by its number, of a dead one's by the list that the kernel walks. */
		(void)pthread_mutex_lock(m);
		_exit(m->__data.__owner == getpid() ? 3 : 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(waitpid(-1, &status, 0) > 0);
	assert_int_equal(WEXITSTATUS(status), 3);
	assert_int_equal(pthread_mutex_trylock(m), EOWNERDEAD);
	assert_int_equal(munmap(m, 4096), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_sibling_is_a_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
