package extension

import (
	"context"
	"errors"

	"github.com/skip2/go-qrcode"

	"github.com/postern/postern"
	"github.com/postern/postern/link/workstation"
)

// pairing is the pairing under way. Its view is guarded by App.mu.
type pairing struct {
	view   Pairing
	made   *workstation.Pairing // nil while it is being opened
	cancel context.CancelFunc
}

// pair opens a pairing, in place of one that is there.
func (a *App) pair(ctx context.Context, typed bool) error {
	w, err := a.enrolled(ctx)
	if err != nil {
		return err
	}
	if err := a.stop(); err != nil {
		return err
	}
	running, cancel := context.WithCancel(a.run)
	p := &pairing{view: Pairing{Step: PairingOpening}, cancel: cancel}
	a.mu.Lock()
	a.pairing = p
	a.mu.Unlock()
	a.show()
	made, err := w.Pair(ctx, typed)
	if err != nil {
		cancel()
		a.pairingStep(p, func(v *Pairing) { *v = Pairing{Step: PairingFailed, Problem: problem(err)} })
		return err
	}
	rows, err := qr(made.URL())
	if err != nil {
		cancel()
		made.Close()
		return err
	}
	a.mu.Lock()
	p.made = made
	dropped := a.pairing != p
	a.mu.Unlock()
	if dropped {
		cancel()
		made.Close()
		return nil
	}
	a.pairingStep(p, func(v *Pairing) {
		*v = Pairing{Step: PairingWaiting, QR: rows, Code: made.Code(), Expires: made.Expires()}
	})
	go func() {
		came, err := made.Wait(running)
		a.pairingStep(p, func(v *Pairing) {
			if err != nil {
				*v = Pairing{Step: PairingFailed, Problem: problem(err)}
				return
			}
			*v = Pairing{Step: PairingCompare, Phone: came.Name, Software: came.Software, Digits: came.Digits, Expires: made.Expires()}
		})
	}()
	return nil
}

// same says that both show the same digits.
func (a *App) same() error {
	a.mu.Lock()
	p := a.pairing
	if p == nil || p.view.Step != PairingCompare {
		a.mu.Unlock()
		return postern.Errorf(postern.CodePairingState, "")
	}
	p.view.Step = PairingConfirming
	a.mu.Unlock()
	a.show()
	go func() {
		err := p.made.Confirm(a.run)
		if errors.Is(err, context.Canceled) {
			return
		}
		a.pairingStep(p, func(v *Pairing) {
			if err != nil {
				*v = Pairing{Step: PairingFailed, Problem: problem(err)}
				return
			}
			*v = Pairing{Step: PairingDone, Phone: v.Phone}
		})
		a.changed()
	}()
	return nil
}

// stop refuses the pairing, or puts away one that is done or failed.
func (a *App) stop() error {
	a.mu.Lock()
	p := a.pairing
	a.pairing = nil
	var made *workstation.Pairing
	if p != nil {
		made = p.made
	}
	a.mu.Unlock()
	if p == nil {
		return nil
	}
	p.cancel()
	if made != nil {
		made.Close()
	}
	a.show()
	return nil
}

func (a *App) pairingStep(p *pairing, change func(*Pairing)) {
	a.mu.Lock()
	if a.pairing == p {
		change(&p.view)
	}
	a.mu.Unlock()
	a.show()
}

func (a *App) unpair(ctx context.Context, id postern.PairingID) error {
	w, err := a.enrolled(ctx)
	if err != nil {
		return err
	}
	defer a.changed()
	return w.Unpair(ctx, id)
}

// qr draws a QR code (ISO/IEC 18004) as rows of 0 and 1 with its quiet zone; of no text there is none.
func qr(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	code, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return nil, postern.Errorf(postern.CodeInternal, "The QR code could not be drawn.").
			WithNext("Pair with a code to type instead.").Because(err)
	}
	var rows []string
	for _, line := range code.Bitmap() {
		row := make([]byte, len(line))
		for i, dark := range line {
			row[i] = '0'
			if dark {
				row[i] = '1'
			}
		}
		rows = append(rows, string(row))
	}
	return rows, nil
}
