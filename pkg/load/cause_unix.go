//go:build unix

package load

import "syscall"

// errnosOf are the system's error numbers behind the causes; see connect(2) and send(2).
var errnosOf = map[Cause][]syscall.Errno{
	CauseRefused: {syscall.ECONNREFUSED},
	CauseReset:   {syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED},
	CauseNoRoute: {syscall.ENETUNREACH, syscall.EHOSTUNREACH},
	CauseLocal:   {syscall.EADDRNOTAVAIL, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM},
}
