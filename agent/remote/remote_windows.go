package remote

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	getSystemMetrics  = windows.NewLazySystemDLL("user32.dll").NewProc("GetSystemMetrics")
	querySession      = windows.NewLazySystemDLL("wtsapi32.dll").NewProc("WTSQuerySessionInformationW")
	smRemoteSession   = uintptr(0x1000) // SM_REMOTESESSION
	clientProtocol    = uintptr(16)     // WTSClientProtocolType
	protocolRDP       = uint16(2)
	currentServer     = uintptr(0)
	activeSession     = uint32(windows.WTSActive)
	servicesSessionID = uint32(0)
)

// Here is the session this process runs in, or for a service, the ones in use.
func Here() Session {
	if r, _, _ := getSystemMetrics.Call(smRemoteSession); r != 0 {
		return Session{Kind: "rdp"}
	}
	var own uint32
	if windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &own) != nil || own != servicesSessionID {
		return Session{}
	}
	return inUse()
}

// inUse looks at the sessions people have: remote when all of the active ones are.
func inUse() Session {
	var first *windows.WTS_SESSION_INFO
	var count uint32
	if windows.WTSEnumerateSessions(0, 0, 1, &first, &count) != nil {
		return Session{}
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(first)))
	remote := false
	for _, s := range unsafe.Slice(first, count) {
		if s.State != activeSession || s.SessionID == servicesSessionID {
			continue
		}
		if !overRDP(s.SessionID) {
			return Session{}
		}
		remote = true
	}
	if remote {
		return Session{Kind: "rdp"}
	}
	return Session{}
}

func overRDP(session uint32) bool {
	var answer *uint16
	var size uint32
	ok, _, _ := querySession.Call(currentServer, uintptr(session), clientProtocol, uintptr(unsafe.Pointer(&answer)), uintptr(unsafe.Pointer(&size)))
	if ok == 0 || answer == nil {
		return false
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(answer)))
	return size >= 2 && *answer == protocolRDP
}
