package ctaphid

// Action is one thing [Device] asks its caller to do: a [Send], [Start],
// [CancelRequest], [AbortRequest] or [Winked]. Actions are done in their order.
type Action interface{ action() }

// Send is a report for the host.
type Send struct{ Report Report }

// Start hands a whole CBOR or MSG request to the caller, who answers it with
// [Device.Done] or [Device.Fail]. No other request starts before that, except
// after an [AbortRequest].
type Start struct {
	// ID names the request; no two requests of a device share one.
	ID      uint64
	Command Command // CBOR or Msg
	Payload []byte  // not empty
}

// CancelRequest says that the host no longer wants the running CBOR request.
// The caller still answers it, with CTAP2_ERR_KEEPALIVE_CANCEL if it stopped in
// time (CTAP 2.1 §11.2.9.1.5). It is given once a request.
type CancelRequest struct{ ID uint64 }

// AbortRequest says that the host resynchronised its channel. The request is
// over and any answer to it will be dropped.
type AbortRequest struct{ ID uint64 }

// Winked asks for something the user can see or hear; it is answered already.
type Winked struct{}

func (Send) action()          {}
func (Start) action()         {}
func (CancelRequest) action() {}
func (AbortRequest) action()  {}
func (Winked) action()        {}
