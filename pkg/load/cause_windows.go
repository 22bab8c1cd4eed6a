package load

import "syscall"

// errnosOf are the Winsock error codes behind the causes; package syscall names only a few,
// and its ECONNREFUSED and others are invented numbers that Winsock never returns.
// Source: "Windows Sockets Error Codes" of the Windows documentation.
var errnosOf = map[Cause][]syscall.Errno{
	CauseRefused:        {10061},
	CauseConnectTimeout: {10060},
	CauseReset:          {10054, 10053, 10058},
	CauseNoRoute:        {10051, 10065},
	CauseLocal:          {10048, 10049, 10024, 10055},
}
