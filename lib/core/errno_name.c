// SPDX-License-Identifier: GPL-2.0-only
/*
 * Error numbers by name. glibc has strerrorname_np() since 2.32 only, and
 * other C libraries have none.
 */
#include <errno.h>
#include <stddef.h>

#include "core/report.h"

#define NAME(error) [error] = #error

static const char *const names[] = {
	NAME(EPERM),	       NAME(ENOENT),	    NAME(ESRCH),
	NAME(EINTR),	       NAME(EIO),	    NAME(ENXIO),
	NAME(E2BIG),	       NAME(ENOEXEC),	    NAME(EBADF),
	NAME(ECHILD),	       NAME(EAGAIN),	    NAME(ENOMEM),
	NAME(EACCES),	       NAME(EFAULT),	    NAME(ENOTBLK),
	NAME(EBUSY),	       NAME(EEXIST),	    NAME(EXDEV),
	NAME(ENODEV),	       NAME(ENOTDIR),	    NAME(EISDIR),
	NAME(EINVAL),	       NAME(ENFILE),	    NAME(EMFILE),
	NAME(ENOTTY),	       NAME(ETXTBSY),	    NAME(EFBIG),
	NAME(ENOSPC),	       NAME(ESPIPE),	    NAME(EROFS),
	NAME(EMLINK),	       NAME(EPIPE),	    NAME(EDOM),
	NAME(ERANGE),	       NAME(EDEADLK),	    NAME(ENAMETOOLONG),
	NAME(ENOLCK),	       NAME(ENOSYS),	    NAME(ENOTEMPTY),
	NAME(ELOOP),	       NAME(ENOMSG),	    NAME(EIDRM),
	NAME(ENODATA),	       NAME(ETIME),	    NAME(EPROTO),
	NAME(EBADMSG),	       NAME(EOVERFLOW),	    NAME(EBADFD),
	NAME(EILSEQ),	       NAME(EUSERS),	    NAME(ENOTSOCK),
	NAME(EMSGSIZE),	       NAME(EPROTOTYPE),    NAME(ENOPROTOOPT),
	NAME(EPROTONOSUPPORT), NAME(EOPNOTSUPP),    NAME(EAFNOSUPPORT),
	NAME(EADDRINUSE),      NAME(EADDRNOTAVAIL), NAME(ENETDOWN),
	NAME(ECONNABORTED),    NAME(ECONNRESET),    NAME(ENOBUFS),
	NAME(EISCONN),	       NAME(ENOTCONN),	    NAME(ETIMEDOUT),
	NAME(ECONNREFUSED),    NAME(EALREADY),	    NAME(EINPROGRESS),
	NAME(ESTALE),	       NAME(EDQUOT),	    NAME(ECANCELED),
	NAME(ENOKEY),	       NAME(EKEYREJECTED),  NAME(EOWNERDEAD),
	NAME(ENOTRECOVERABLE), NAME(ERFKILL),	    NAME(EHWPOISON),
};

const char *errno_name(int error)
{
	size_t number = error < 0 ? -(size_t)error : (size_t)error;

	if (number < ARRAY_SIZE(names) && names[number])
		return names[number];
	return "E???";
}
