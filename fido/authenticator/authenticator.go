package authenticator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postern/postern/fido/ctap"
)

// Bounds of an authenticator.
const (
	// DefaultMaxMsgSize fits the largest response, a registration with a
	// certificate, and what common platforms allocate for one: 2048 bytes.
	DefaultMaxMsgSize = 2048
	// maxListed is what getInfo reports as maxCredentialCountInList. Longer
	// lists are taken as long as the message bound allows.
	maxListed = 20
	// maxCredentialID is what getInfo reports as maxCredentialIdLength.
	maxCredentialID = 128
	// credentialIDSize is the size of the ids made here, all of it random.
	credentialIDSize = 32
)

// Config is what an [Authenticator] is made of. Store, User, Random and Now are
// required.
type Config struct {
	AAGUID ctap.AAGUID
	Store  Store
	User   User
	// Chooser is optional; see its type.
	Chooser Chooser
	// Attester vouches for new credentials; nil means [NoAttestation].
	Attester Attester
	// Random is where all randomness comes from, but that of RSA keys, which
	// crypto/rsa insists on drawing itself.
	Random io.Reader
	Now    func() time.Time
	// Algorithms are offered in this order; nil means ES256, EdDSA, RS256.
	Algorithms []ctap.Algorithm
	// PIN says that the authenticator can have a client PIN, which platforms set
	// and which lives in the store's [State].
	PIN bool
	// PINVerifier is optional; see its type. With one, PIN does not count.
	PINVerifier PINVerifier
	// NoCeremoniesByPIN is the option noMcGaPermissionsWithClientPin: a token
	// got by PIN neither registers nor signs in.
	NoCeremoniesByPIN bool
	// UVModality tells getInfo how the user is verified (FIDO Registry of
	// Predefined Values §3.1). Zero leaves it out.
	UVModality uint64
	// ResetWindow is how long after power-up a reset is heard. Zero means
	// [DefaultResetWindow]; a negative one never ends, for transports on which
	// nobody can cut the power.
	ResetWindow time.Duration
	// Enterprise is what enterprise attestation is made with; nil: there is
	// none.
	Enterprise *Enterprise
	// MaxLargeBlobs is the capacity for the large-blob array in its stored form,
	// in bytes: at least [ctap.MinLargeBlobCapacity]. Zero switches large blobs
	// off, the extension largeBlobKey with them.
	MaxLargeBlobs int
	// U2F switches on the messages of CTAP1; see [Authenticator.HandleU2F].
	U2F bool
	// U2FCertificate gives the certificate of each U2F registration, which needs a
	// key on P-256, asked in the format [FormatU2F]. Nil makes one that says
	// nothing for each.
	U2FCertificate LeafSource
	// SilentByThrowaway has silent requests answered as by a store that is sealed,
	// though this one is open: no key signs that the user was not asked about.
	SilentByThrowaway bool
	// Transports are reported by getInfo as they are.
	Transports []string
	// FirmwareVersion is reported by getInfo and has to equal the
	// authenticatorVersion of a metadata statement. Zero leaves it out.
	FirmwareVersion uint64
	// MaxMsgSize bounds requests and responses in bytes: 1024 to
	// [ctap.MaxMessageSize]. Zero means [DefaultMaxMsgSize].
	MaxMsgSize int
}

// Authenticator handles one command at a time.
type Authenticator struct {
	aaguid     ctap.AAGUID
	store      Store
	user       User
	chooser    Chooser
	attester   Attester
	random     io.Reader
	now        func() time.Time
	algorithms []ctap.Algorithm
	transports []string
	firmware   uint64
	maxMsgSize int

	pin               bool // can have one
	pins              PINVerifier
	noCeremoniesByPIN bool
	maxLargeBlobs     int
	u2f               bool
	u2fCertificate    LeafSource
	uvModality        uint64
	resetWindow       time.Duration
	enterprise        *Enterprise
	silentByThrowaway bool

	waiting atomic.Bool

	// busy guards everything below.
	busy sync.Mutex
	// state is what the store had when the request in hand came.
	state *State

	// What a power cycle clears.
	tokens    tokens
	next      nextAssertions
	listings  listings
	blobWrite blobWrite
	touch     touch
	pinMisses int // wrong PINs in a row
	poweredUp time.Time
}

// New makes an authenticator in the state it has after power-up.
func New(c Config) (*Authenticator, error) {
	if c.Store == nil || c.User == nil || c.Random == nil || c.Now == nil {
		return nil, errors.New("authenticator: Store, User, Random and Now are required")
	}
	a := &Authenticator{
		aaguid: c.AAGUID, store: c.Store, user: c.User, chooser: c.Chooser, attester: c.Attester,
		random: c.Random, now: c.Now, algorithms: slices.Clone(c.Algorithms), transports: slices.Clone(c.Transports),
		firmware: c.FirmwareVersion, maxMsgSize: c.MaxMsgSize,
		pin: c.PIN || c.PINVerifier != nil, pins: c.PINVerifier, noCeremoniesByPIN: c.NoCeremoniesByPIN,
		uvModality: c.UVModality, resetWindow: c.ResetWindow, enterprise: c.Enterprise,
		silentByThrowaway: c.SilentByThrowaway,
		state:             &State{},
	}
	a.store = countedStore{c.Store, a}
	if a.pins == nil {
		a.pins = storedPIN{a}
	}
	if a.attester == nil {
		a.attester = NoAttestation{}
	}
	if len(a.algorithms) == 0 {
		a.algorithms = []ctap.Algorithm{ctap.ES256, ctap.EdDSA, ctap.RS256}
	}
	for i, alg := range a.algorithms {
		if _, ok := keyTypes[alg]; !ok || slices.Contains(a.algorithms[:i], alg) {
			return nil, fmt.Errorf("authenticator: algorithm %v is unknown or listed twice", alg)
		}
	}
	if a.resetWindow == 0 {
		a.resetWindow = DefaultResetWindow
	}
	if a.enterprise != nil && a.enterprise.Source == nil {
		return nil, errors.New("authenticator: Enterprise needs a Source")
	}
	if a.maxMsgSize == 0 {
		a.maxMsgSize = DefaultMaxMsgSize
	}
	if a.maxMsgSize < ctap.DefaultMessageSize || a.maxMsgSize > ctap.MaxMessageSize {
		return nil, fmt.Errorf("authenticator: MaxMsgSize must be %d to %d", ctap.DefaultMessageSize, ctap.MaxMessageSize)
	}
	if err := a.provideLargeBlobs(c.MaxLargeBlobs); err != nil {
		return nil, err
	}
	a.u2f, a.u2fCertificate = c.U2F, c.U2FCertificate
	a.clearPowerCycleState()
	return a, nil
}

// PowerCycle forgets what does not outlive a loss of power: tokens, key
// agreement keys, remembered assertions, and the wrong PINs that stopped all
// guessing until now.
func (a *Authenticator) PowerCycle() {
	a.busy.Lock()
	defer a.busy.Unlock()
	a.clearPowerCycleState()
}

func (a *Authenticator) clearPowerCycleState() {
	a.tokens.reset()
	a.tokens.keys = nil
	a.next = nextAssertions{}
	a.listings = listings{}
	a.blobWrite = blobWrite{}
	a.touch.withdraw()
	a.pinMisses = 0
	a.poweredUp = a.now()
}

// AwaitingUser reports whether the command in hand waits for the user. A
// transport tells the platform so in its keepalives.
func (a *Authenticator) AwaitingUser() bool { return a.waiting.Load() }

// command is one row of the dispatch table.
type command struct {
	run func(*Authenticator, context.Context, []byte) ([]byte, error)
	// bare commands carry no parameters.
	bare bool
}

var commands = map[ctap.Command]command{
	ctap.MakeCredential:   {run: (*Authenticator).makeCredential},
	ctap.GetAssertion:     {run: (*Authenticator).getAssertion},
	ctap.GetInfo:          {run: (*Authenticator).getInfo, bare: true},
	ctap.ClientPIN:        {run: (*Authenticator).clientPIN},
	ctap.GetNextAssertion: {run: (*Authenticator).getNextAssertion, bare: true},
	ctap.Selection:        {run: (*Authenticator).selection, bare: true},
	ctap.Reset:            {run: (*Authenticator).reset, bare: true},
	ctap.Config:           {run: (*Authenticator).config},

	ctap.CredentialManagement:        {run: (*Authenticator).credentialManagement},
	ctap.CredentialManagementPreview: {run: (*Authenticator).credentialManagement},
	ctap.LargeBlobs:                  {run: (*Authenticator).largeBlobs},
}

// Handle answers one request. It always gives a response of at least one and at
// most MaxMsgSize bytes. Cancelling ctx withdraws the question the user is
// looking at and answers CTAP2_ERR_KEEPALIVE_CANCEL. A second request while one
// is in hand answers CTAP1_ERR_CHANNEL_BUSY.
func (a *Authenticator) Handle(ctx context.Context, request []byte) []byte {
	if !a.busy.TryLock() {
		return []byte{byte(ctap.ErrChannelBusy)}
	}
	defer a.busy.Unlock()
	response, err := a.dispatch(ctx, request)
	if err != nil {
		return []byte{byte(a.status(err))}
	}
	if len(response) > a.maxMsgSize {
		return []byte{byte(ctap.ErrLimitExceeded)}
	}
	return response
}

func (a *Authenticator) dispatch(ctx context.Context, request []byte) ([]byte, error) {
	if len(request) > a.maxMsgSize {
		return nil, ctap.ErrRequestTooLarge
	}
	c, params, err := ctap.SplitRequest(request)
	if err != nil {
		return nil, err
	}
	a.discardState(c)
	cmd, ok := commands[c]
	if !ok {
		return nil, ctap.ErrInvalidCommand
	}
	if cmd.bare && len(params) > 0 {
		return nil, ctap.ErrInvalidLength
	}
	if err := a.loadState(ctx); err != nil {
		return nil, err
	}
	defer a.forgetState()
	return cmd.run(a, ctx, params)
}

// status finds the answer for errors of this package, of the store and of the
// context.
func (a *Authenticator) status(err error) ctap.Status {
	switch {
	case errors.Is(err, context.Canceled):
		return ctap.ErrKeepaliveCancel
	case errors.Is(err, context.DeadlineExceeded):
		return ctap.ErrUserActionTimeout
	case errors.Is(err, ErrFull):
		return ctap.ErrKeyStoreFull
	case errors.Is(err, ErrSealed): // the user agreed, but too long ago for the store
		return ctap.ErrOperationDenied
	}
	return ctap.StatusOf(err)
}

// randomBytes draws n bytes.
func (a *Authenticator) randomBytes(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(a.random, b); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return b, nil
}
