package usbip

// USB/IP 1.1.1, as the Linux kernel documents and speaks it
// (Documentation/usb/usbip_protocol.rst). Everything is big endian, over TCP.
//
// A connection begins with one operation and its reply:
//
//	header             version(2) = 0x0111 ‖ code(2) ‖ status(4)
//	OP_REQ_DEVLIST     header; status 0
//	OP_REP_DEVLIST     header ‖ count(4) ‖ count × (device(312) ‖ interfaces × interface(4))
//	OP_REQ_IMPORT      header ‖ busid(32); status 0
//	OP_REP_IMPORT      header ‖ device(312), or with a status other than 0 the header alone
//
//	device(312)        path(256) ‖ busid(32) ‖ busnum(4) ‖ devnum(4) ‖ speed(4) ‖
//	                   vendor(2) ‖ product(2) ‖ version(2) ‖ class(1) ‖ subclass(1) ‖ protocol(1) ‖
//	                   configuration value(1) ‖ configurations(1) ‖ interfaces(1)
//	interface(4)       class(1) ‖ subclass(1) ‖ protocol(1) ‖ 0(1)
//
// Text is padded with zeros. After a successful import the connection carries
// transfers (URBs) until it closes, which unplugs the device. Each message has
// a header of 48 bytes:
//
//	bytes   CMD_SUBMIT                     RET_SUBMIT                  CMD_UNLINK       RET_UNLINK
//	0-3     1                              3                           2                4
//	4-7     sequence number                that of the submit          its own          that of the unlink
//	8-11    busnum<<16 | devnum            0                           as submit        0
//	12-15   direction: 0 out, 1 in         0                           0                0
//	16-19   endpoint number                0                           0                0
//	20-23   flags                          status                      of the submit    status
//	24-27   length                         length transferred          -                -
//	28-31   start frame                    start frame                 -                -
//	32-35   packets                        packets                     -                -
//	36-39   interval                       errors                      -                -
//	40-47   setup                          -                           -                -
//	then    OUT: length bytes              IN: length bytes            -                -
//
// Status is 0 or a negative errno of Linux. Packets are for isochronous
// transfers, which this device has not; there Linux sends 0 and the document
// asks for 0xFFFFFFFF. A submit is answered once, in any order, unless it is
// unlinked: RET_UNLINK is −ECONNRESET where that came in time, and then no
// RET_SUBMIT follows; it is 0 where RET_SUBMIT went before.
const (
	protocolVersion = 0x0111

	opRequest = 0x8000 // set in the code of a request
	opDevlist = 0x0005
	opImport  = 0x0003

	opHeaderSize  = 8
	pathSize      = 256
	busIDSize     = 32
	deviceSize    = pathSize + busIDSize + 24
	interfaceSize = 4

	urbHeaderSize = 48
	cmdSubmit     = 1
	cmdUnlink     = 2
	retSubmit     = 3
	retUnlink     = 4
	setupSize     = 8
)

// Statuses of an import, as Linux's tools name them.
const (
	importOK       uint32 = 0
	importBusy     uint32 = 2 // another client has the device
	importNoDevice uint32 = 4
)

// Status is how a transfer ended: 0, or a negative errno of Linux whatever the
// system is.
type Status int32

// The statuses this device gives.
const (
	StatusOK       Status = 0
	StatusNoMemory Status = -12  // ENOMEM: too many transfers are pending
	StatusStall    Status = -32  // EPIPE: the device refuses
	StatusOverflow Status = -75  // EOVERFLOW: what there is does not fit
	StatusUnlinked Status = -104 // ECONNRESET: of an unlink that came in time
)

// MaxOut is the most data a transfer to the device may carry, as much as a
// control transfer can announce. The device itself takes no more than a report.
const MaxOut = 0xFFFF

// Where the one device sits. The numbers mean nothing beyond being there; hosts
// hand them back.
const (
	busNumber    = 1
	deviceNumber = 2
	// DeviceID is what every transfer is addressed to.
	DeviceID uint32 = busNumber<<16 | deviceNumber
	// DefaultBusID is the bus id where none is chosen.
	DefaultBusID = "1-2"

	devicePath = "/sys/devices/platform/postern/usb1/1-2"
	// Speed is full speed (12 Mbit/s), which suits an interrupt endpoint of 64
	// bytes best and keeps hosts from asking for a high-speed twin.
	Speed = 2
)
