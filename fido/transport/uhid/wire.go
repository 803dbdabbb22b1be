package uhid

// MaxMessage is the size in bytes of the longest CTAPHID message that is sure to
// arrive, however busy the machine: 24 reports, which leaves some of the 31
// events the kernel keeps for us to others. An authenticator at /dev/uhid says no
// more in its maxMsgSize.
const MaxMessage = 57 + 23*59

// Events of /dev/uhid, as linux/uhid.h defines them: a packed struct of a type
// and a union, in the machine's byte order. One read gives one event, always of
// eventSize bytes; a write may end where the event does.
//
//	               to us    type(4) ‖
//	START       2           flags(8)                 the device is being probed
//	STOP        3           -
//	OPEN        4           -                        somebody opened its hidraw node, the first
//	CLOSE       5           -                        the last one closed it
//	OUTPUT      6           data(4096) ‖ size(2) ‖ report type(1)
//	GET_REPORT  9           id(4) ‖ report number(1) ‖ report type(1)
//	SET_REPORT  13          id(4) ‖ report number(1) ‖ report type(1) ‖ size(2) ‖ data(4096)
//
//	               from us  type(4) ‖
//	DESTROY     1           -
//	GET_REPORT_REPLY 10     id(4) ‖ error(2) ‖ size(2) ‖ data
//	CREATE2     11          name(128) ‖ phys(64) ‖ uniq(64) ‖ descriptor size(2) ‖ bus(2) ‖
//	                        vendor(4) ‖ product(4) ‖ version(4) ‖ country(4) ‖ descriptor
//	INPUT2      12          size(2) ‖ data
//	SET_REPORT_REPLY 14     id(4) ‖ error(2)
//
// What a program writes to hidraw arrives as OUTPUT with the report number in
// front, which is 0 where reports have none; INPUT2 goes without.
//
// The kernel keeps 31 events for us; one that finds them unread is lost, and the
// program that wrote it is not told.
const (
	typeDestroy        = 1
	typeStart          = 2
	typeStop           = 3
	typeOpen           = 4
	typeClose          = 5
	typeOutput         = 6
	typeGetReport      = 9
	typeGetReportReply = 10
	typeCreate2        = 11
	typeInput2         = 12
	typeSetReport      = 13
	typeSetReportReply = 14

	eventSize = 4380
	dataSize  = 4096

	nameSize = 128
	textSize = 64

	// busUSB is what programs want of a security key, wherever it is.
	busUSB = 3

	errorIO = 5 // EIO, of a request that is refused
)

// ReportType is the kind of a report that is asked for or set.
type ReportType byte

// The report types.
const (
	FeatureReport ReportType = 0
	OutputReport  ReportType = 1
	InputReport   ReportType = 2
)
