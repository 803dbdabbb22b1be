package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
)

const (
	revokedPhones = 200
	revokeTenant  = 16 * revokedPhones // one in nine users of an emulated tenant has a passkey
	revokePace    = 50 * time.Millisecond
	revokePoll    = 300 * time.Microsecond
)

// measureRevoke revokes phones that are connected, one after another, by the REST interface: how long it takes until the
// relay has cut the phone off, and until Entra lists its passkey no more. The baseline is what the emulator takes for the
// two requests that no revocation can do without, made by hand: deleting the passkey, and looking that it is gone.
func measureRevoke(ctx context.Context) (figures []figure, err error) {
	w, err := newWorld(ctx, revokeTenant, 1, entrasim.Levers{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	hand, err := w.otherHand()
	if err != nil {
		return nil, err
	}
	defer hand.Close()
	warm := revokedPhones / 10
	all, err := w.holders(ctx, hand, 2*(revokedPhones+warm))
	if err != nil {
		return nil, err
	}
	count := len(all) / 2
	if count <= warm {
		return nil, fmt.Errorf("only %d users of the tenant have a passkey", len(all))
	}
	bare := all[count:]
	all = all[:count]
	if err := w.center.Store.Atomically(ctx, func(ctx context.Context) error {
		for _, h := range all {
			if err := w.book(ctx, h); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	token, err := w.center.Auth.CreateToken(ctx, postern.APITokenInput{Name: "bench", Scopes: postern.Permissions, ValidDays: 1})
	if err != nil {
		return nil, err
	}
	client := &postern.Client{BaseURL: w.center.Config.PublicURL, Token: token.Value}
	var cut, answered, gone, byHand []time.Duration
	tick := time.NewTicker(revokePace)
	defer tick.Stop()
	for n, h := range all {
		one, err := w.revokeOne(ctx, client, h, n)
		if err != nil {
			return nil, fmt.Errorf("phone %d: %w", n, err)
		}
		<-tick.C
		begin := time.Now()
		if err := hand.DeletePasskey(ctx, bare[n].user.ObjectID, bare[n].passkey.MethodID); err != nil {
			return nil, err
		}
		if _, err := hand.Passkey(ctx, bare[n].user.ObjectID, bare[n].passkey.MethodID); !postern.IsCode(err, postern.CodeEntraNotFound) {
			return nil, fmt.Errorf("a deleted passkey is read: %w", err)
		}
		if n >= warm {
			cut, answered, gone = append(cut, one.cut), append(answered, one.answered), append(gone, one.gone)
			byHand = append(byHand, time.Since(begin))
		}
		<-tick.C
	}
	const against = "deleting a passkey at the emulator and reading that it is gone"
	slices.Sort(byHand)
	for _, of := range []struct {
		name string
		took []time.Duration
	}{{"revoke.relay", cut}, {"revoke.answer", answered}, {"revoke.entra", gone}} {
		slices.Sort(of.took)
		figures = append(figures, latencies{of.took, byHand}.figures(of.name, against)...)
	}
	return figures, nil
}

// revocation is how long after the request what was so.
type revocation struct{ cut, answered, gone time.Duration }

// revokeOne revokes a phone while it is connected. It must not come back in.
func (w *world) revokeOne(ctx context.Context, client *postern.Client, h holder, number int) (r revocation, err error) {
	conn, err := w.connectPhone(ctx, h, number)
	if err != nil {
		return r, err
	}
	defer conn.Close() //nolint:errcheck // it was cut
	ended := make(chan time.Time, 1)
	failed := make(chan error, 1)
	go func() {
		if err := readToEnd(conn); err != nil {
			failed <- err
			return
		}
		ended <- time.Now()
	}()
	begin := time.Now()
	if _, err := client.RevokePhone(ctx, h.phone.ID); err != nil {
		return r, err
	}
	r.answered = time.Since(begin)
	for {
		listed, err := w.lists(ctx, h.user.ObjectID, h.passkey.MethodID)
		if err != nil {
			return r, err
		}
		if !listed {
			break
		}
		if time.Since(begin) > patience {
			return r, errors.New("the passkey is still listed")
		}
		time.Sleep(revokePoll)
	}
	r.gone = time.Since(begin)
	select {
	case at := <-ended:
		r.cut = at.Sub(begin)
	case err := <-failed:
		return r, err
	case <-time.After(patience):
		return r, errors.New("the phone is still connected")
	}
	if again, err := w.connectPhone(ctx, h, number); err == nil {
		return r, errors.Join(errors.New("a revoked phone connects again"), again.Close())
	}
	return r, nil
}

func (w *world) connectPhone(ctx context.Context, h holder, number int) (net.Conn, error) {
	caller, err := signed.NewCaller(signed.Phone, w.center.Config.PublicURL, nil, time.Now)
	if err != nil {
		return nil, err
	}
	caller.SignAs(string(h.phone.ID), phoneKey(number))
	proof, err := caller.Proof(http.MethodGet, relay.Path, nil)
	if err != nil {
		return nil, err
	}
	return dialThin(ctx, w.center.Config.Listen, 1, proof)
}

// readToEnd reads WebSocket frames (RFC 6455 §5.2) until the server closes.
func readToEnd(conn net.Conn) error {
	const closing = 0x88
	head := make([]byte, 2)
	for {
		if _, err := io.ReadFull(conn, head); err != nil {
			return nil //nolint:nilerr // cut without a word
		}
		if head[0] == closing {
			return nil
		}
		if head[1] > 125 {
			return fmt.Errorf("a frame of kind %x is longer than expected", head[0])
		}
		if _, err := io.ReadFull(conn, make([]byte, head[1])); err != nil {
			return nil //nolint:nilerr // cut without a word
		}
	}
}
