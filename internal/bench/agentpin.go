package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/offline"
	"github.com/postern/postern/fido/authenticator/tpmseal"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/internal/testtpm"
	codes "github.com/postern/postern/link/offline"
)

const (
	pinRounds = 40
	pinPace   = time.Millisecond // nothing is in its way
)

// measurePIN times an offline sign-in from the PIN that is typed to the assertion, at the cost of a code that is used, with the
// seal of a key file and with that of an emulated TPM. Most of it is to be the slow hashes, which hold off whoever steals the
// file: the third comparison is with those alone.
func measurePIN(ctx context.Context) (figures []figure, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	digest := make([]byte, 32)
	sign := func() error {
		_, err := key.Sign(nil, digest, crypto.SHA256)
		return err
	}
	none := func() (transport.TPMCloser, error) {
		return nil, errors.New("this passkey is for a machine without one")
	}
	soft, err := newOfflineKey(ctx, none, postern.SealKeyFile)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, soft.close()) }()
	both, err := alternating(ctx, pinRounds, pinPace, soft.signIn(ctx), sign)
	if err != nil {
		return nil, err
	}
	figures = both.figures("agent.pin.key_file", "a P-256 signature in this process")
	both, err = alternating(ctx, pinRounds, pinPace, soft.signIn(ctx), soft.hashes())
	if err != nil {
		return figures, err
	}
	figures = append(figures, both.figures("agent.pin.hashes", "the slow hashes of one code alone")...)

	chip, err := testtpm.New(ctx)
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, chip.Close()) }()
	tpm := tpmseal.At(chip.Socket())
	inTPM, release, err := signingTPM(tpm)
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, release()) }()
	sealed, err := newOfflineKey(ctx, tpm, postern.SealTPM)
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, sealed.close()) }()
	if both, err = alternating(ctx, pinRounds, pinPace, sealed.signIn(ctx), inTPM); err != nil {
		return figures, err
	}
	return append(figures, both.figures("agent.pin.tpm", "a P-256 signature by the same emulated TPM")...), nil
}

// offlineKey is an active offline passkey, and the codes that its user's phone would show.
type offlineKey struct {
	passkey *offline.Passkey
	batch   codes.Batch
	next    int
	close   func() error
}

// newOfflineKey makes one with codes for all rounds.
func newOfflineKey(ctx context.Context, tpm func() (transport.TPMCloser, error), by string) (k *offlineKey, err error) {
	dir, err := os.MkdirTemp("", "bench-pin-")
	if err != nil {
		return nil, err
	}
	shelf, err := offline.Open(offline.Env{
		Dir: dir, TPM: tpm, Random: rand.Reader, Now: time.Now, Log: slog.New(slog.DiscardHandler), Changed: func() {}, Cost: codes.DefaultCost,
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	k = &offlineKey{close: func() error { return errors.Join(shelf.Close(), os.RemoveAll(dir)) }}
	if err := k.issue(ctx, shelf); err != nil {
		return nil, errors.Join(err, k.close())
	}
	if got := k.passkey.Standing().Seal.Kind; got != by {
		return nil, errors.Join(fmt.Errorf("the passkey is sealed by a %s, not a %s", got, by), k.close())
	}
	return k, nil
}

func (k *offlineKey) issue(ctx context.Context, shelf *offline.Shelf) (err error) {
	if k.passkey, err = shelf.New(postern.NewPairingID([16]byte{1})); err != nil {
		return err
	}
	settings := postern.DefaultWorkstationSettings().Offline
	settings.Codes = 2*(pinRounds+pinRounds/10) + codes.Ahead // so that as many are looked at in the last round as in the first
	if err := errors.Join(k.passkey.Draw(settings, time.Now()), k.passkey.Answered()); err != nil {
		return err
	}
	message, err := k.passkey.Sending()
	if err != nil {
		return err
	}
	sent, err := codes.Decode(message)
	if err != nil {
		return err
	}
	k.batch = sent.Batch
	k.batch.Seed = bytes.Clone(sent.Batch.Seed) // the passkey forgets it
	return errors.Join(k.passkey.Accepted(), k.passkey.Make(ctx, postern.OfflineOptions{PublicKey: []byte(`{"rp":{"id":"` + ceremonyRPID + `","name":"Example"},
		"user":{"id":"AQ","name":"ada","displayName":"Ada"},"challenge":"AAAAAAAAAAAAAAAAAAAAAA","pubKeyCredParams":[{"type":"public-key","alg":-7}],
		"authenticatorSelection":{"residentKey":"required","userVerification":"required"}}`)}), k.passkey.Registering(), k.passkey.Activate())
}

// signIn is a program that signs in with the next code each time.
func (k *offlineKey) signIn(ctx context.Context) func() error {
	return func() error {
		key, err := k.passkey.Key(2048)
		if err != nil {
			return err
		}
		code := k.batch.Code(k.next)
		k.next++
		program := &client.Client{
			Random: rand.Reader, Channel: client.ChannelFunc(func(ctx context.Context, b []byte) ([]byte, error) { return key.Handle(ctx, b), nil }),
			PIN: func(context.Context, client.PINPrompt) (string, error) { return code, nil },
		}
		_, err = program.Get(ctx, &client.RequestOptions{Challenge: make([]byte, 16), RPID: ceremonyRPID, UserVerification: "required"}, ceremonyOrigin)
		return err
	}
}

// hashes looks for a code that is none, as each sign-in looks for its own.
func (k *offlineKey) hashes() func() error {
	few := k.batch
	few.Count = 1 + codes.Ahead
	sheet, wrong := few.Sheet(codes.DefaultCost), codes.Hash("nobody's")
	return func() error {
		if _, ok := sheet.Match(wrong); ok {
			return errors.New("a code that nobody drew is on the sheet")
		}
		return nil
	}
}

// signingTPM has a TPM sign a digest with a key that it has made.
func signingTPM(open func() (transport.TPMCloser, error)) (sign, release func() error, err error) {
	tpm, err := open()
	if err != nil {
		return nil, nil, err
	}
	made, err := tpm2.CreatePrimary{
		PrimaryHandle: tpm2.TPMRHOwner,
		InPublic: tpm2.New2B(tpm2.TPMTPublic{
			Type: tpm2.TPMAlgECC, NameAlg: tpm2.TPMAlgSHA256,
			ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, SignEncrypt: true},
			Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{
				CurveID: tpm2.TPMECCNistP256,
				Scheme:  tpm2.TPMTECCScheme{Scheme: tpm2.TPMAlgECDSA, Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgECDSA, &tpm2.TPMSSigSchemeECDSA{HashAlg: tpm2.TPMAlgSHA256})},
			}),
		}),
	}.Execute(tpm)
	if err != nil {
		return nil, nil, errors.Join(err, tpm.Close())
	}
	sign = func() error {
		_, err := tpm2.Sign{
			KeyHandle: tpm2.NamedHandle{Handle: made.ObjectHandle, Name: made.Name}, Digest: tpm2.TPM2BDigest{Buffer: make([]byte, 32)},
			InScheme:   tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
			Validation: tpm2.TPMTTKHashCheck{Tag: tpm2.TPMSTHashCheck},
		}.Execute(tpm)
		return err
	}
	return sign, func() error {
		_, err := tpm2.FlushContext{FlushHandle: made.ObjectHandle}.Execute(tpm)
		return errors.Join(err, tpm.Close())
	}, nil
}
