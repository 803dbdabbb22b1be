package workstation

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Signing in without a network: what the control center is asked and told for one pairing (docs/offline.md). All fail with a
// [*postern.Error] or the context's error, and may be asked again.

// Offline asks how the offline passkey of a pairing stands.
func (w *Workstation) Offline(ctx context.Context, id postern.PairingID) (a postern.OfflineAnswer, err error) {
	return a, w.caller.Call(ctx, "GET", offlinePath(id), nil, nil, &a)
}

// AskOffline asks for an offline passkey, or for a change of the codes of one that is active.
func (w *Workstation) AskOffline(ctx context.Context, id postern.PairingID, r postern.OfflineRequest) (a postern.OfflineAnswer, err error) {
	return a, w.caller.Call(ctx, "POST", offlinePath(id), nil, r, &a)
}

// OfflineOptions asks what to make the passkey from, once the phone's user has agreed.
func (w *Workstation) OfflineOptions(ctx context.Context, id postern.PairingID) (o postern.OfflineOptions, err error) {
	return o, w.caller.Call(ctx, "POST", offlinePath(id)+"/options", nil, nil, &o)
}

// OfflineCredential tells of the passkey that was made.
func (w *Workstation) OfflineCredential(ctx context.Context, id postern.PairingID, c postern.OfflineCredential) (a postern.OfflineAnswer, err error) {
	return a, w.caller.Call(ctx, "POST", offlinePath(id)+"/credential", nil, c, &a)
}

// ReportOffline tells how the passkey stands here.
func (w *Workstation) ReportOffline(ctx context.Context, id postern.PairingID, r postern.OfflineReport) (a postern.OfflineAnswer, err error) {
	return a, w.caller.Call(ctx, "PUT", offlinePath(id)+"/report", nil, r, &a)
}

// EndOffline has the passkey taken away.
func (w *Workstation) EndOffline(ctx context.Context, id postern.PairingID) error {
	return w.caller.Call(ctx, "DELETE", offlinePath(id), nil, nil, nil)
}

func offlinePath(id postern.PairingID) string { return "/pairings/" + string(id) + "/offline" }

// Now is the time of the control center, as far as it told that this clock is wrong.
func (w *Workstation) Now() time.Time { return w.now() }
