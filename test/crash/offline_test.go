package crash_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/channel"
	batches "github.com/postern/postern/link/offline"
	"github.com/postern/postern/link/signed"
)

// desk is a workstation that the phone is paired with, as far as its user signs in offline. What is behind a pointer or in a
// slice is replaced and never changed: runs share it.
type desk struct {
	id      postern.WorkstationID
	key     ed25519.PrivateKey
	pairing postern.PairingID
	batch   postern.OfflineRequest
	made    *postern.OfflineCredential
	told    bool                 // the control center took what was made
	sheet   json.RawMessage      // of recovery codes
	code    string               // of them, as it was read to the user
	asked   []postern.RecoveryID // for codes that came
}

// offlineStories are those of an offline passkey: how it comes to a workstation, how it goes with the phone, and how a code of
// the help desk is given out.
func offlineStories() []story {
	issued := func(w *run) { w.paired(); w.tell(offlineIssue...) }
	return []story{
		{
			name: "an offline passkey", before: (*run).paired, tell: offlineIssue, labels: offlineLabels,
			holds: func(ctx context.Context, w *run) error {
				return w.offlineAgrees(ctx, offlineEnd{
					state: postern.OfflineActive, passkeys: 2, recoveryLeft: 5,
					trail: map[string]int{"offline.asked": 1, "offline.agreed": 1, "offline.active": 1, "offline.signed_in": 1},
				})
			},
		},
		{
			name: "an offline passkey that goes with the phone", before: func(w *run) {
				issued(w)
				_, err := w.owner.Recover(w.ctx, w.desk.pairing, postern.RecoveryInput{Note: "on a plane"})
				must(w.t, err)
			},
			tell: []step{revokePhone}, labels: offlineRevokedLabels,
			holds: func(ctx context.Context, w *run) error {
				return w.offlineAgrees(ctx, offlineEnd{
					state: postern.OfflineEnded, reason: postern.OfflineEndPhoneRevoked,
					trail: map[string]int{
						"offline.asked": 1, "offline.agreed": 1, "offline.active": 1, "offline.signed_in": 1, "offline.taken": 1, "offline.ended": 1,
						"recovery.asked": 1, "recovery.withdrawn": 1,
					},
				})
			},
		},
		{
			name: "a recovery code", before: issued, tell: []step{recovering}, labels: recoveryLabels, skip: []string{"GET "},
			holds: func(ctx context.Context, w *run) error {
				lost := len(w.desk.asked) - 1 // whose answer with the code never came
				trail := map[string]int{
					"offline.asked": 1, "offline.agreed": 1, "offline.active": 1, "offline.signed_in": 1, "offline.recovered": 1,
					"recovery.asked": 1 + lost, "recovery.shown": 1 + lost, "recovery.used": 1,
				}
				if lost > 0 {
					trail["recovery.withdrawn"] = lost
				}
				if err := w.recoveriesAgree(ctx); err != nil {
					return err
				}
				return w.offlineAgrees(ctx, offlineEnd{state: postern.OfflineActive, passkeys: 2, recoveryLeft: 4 - lost, trail: trail})
			},
		},
	}
}

var offlineIssue = []step{askingOffline, agreeingOffline, makingOffline, reportingOffline}

// paired enrols a phone, which obtains its passkey, pairs it with a workstation and switches signing in offline on.
func (w *run) paired() {
	w.t.Helper()
	w.tell(enrol, obtain)
	public, key, err := ed25519.GenerateKey(rand.Reader)
	must(w.t, err)
	static := func() []byte {
		s, err := channel.GenerateStatic(rand.Reader)
		must(w.t, err)
		k := s.Public()
		return k[:]
	}
	link := static()
	var self postern.WorkstationSelf
	must(w.t, w.atDesk(w.ctx, http.MethodPost, "/enrolments", postern.WorkstationEnrolment{
		Name: "Desk", Kind: postern.WorkstationAgent, Software: "crash", OS: "crash", JoinState: postern.JoinEntra,
		IdentityKey: postern.Bytes(public), LinkKey: link, Proof: ed25519.Sign(key, postern.WorkstationEnrolmentMessage("", public, link)),
	}, &self))
	w.desk.id, w.desk.key = self.Workstation.ID, key
	must(w.t, w.phone.API.GiveLinkKey(w.ctx, static()))
	var raw [16]byte
	_, _ = rand.Read(raw[:])
	w.desk.pairing = postern.NewPairingID(raw)
	path := "/pairings/" + string(w.desk.pairing)
	must(w.t, w.atDesk(w.ctx, http.MethodPut, path, nil, nil))
	must(w.t, w.phone.API.Call(w.ctx, http.MethodPut, path, nil, nil, nil))
	must(w.t, w.atDesk(w.ctx, http.MethodPost, path+"/confirmation", nil, nil))
	must(w.t, w.phone.API.Call(w.ctx, http.MethodPost, path+"/confirmation", nil, nil, nil))
	s, err := w.admin.WorkstationSettings(w.ctx, w.integration)
	must(w.t, err)
	s.Offline.Enabled, s.Recovery.Enabled = true, true
	_, err = w.admin.SetWorkstationSettings(w.ctx, w.integration, s)
	must(w.t, err)
}

// atDesk asks as the workstation.
func (w *run) atDesk(ctx context.Context, method, path string, in, out any) error {
	c, err := signed.NewCaller(signed.Workstation, "http://"+w.listen, w.env().Transport, w.now)
	must(w.t, err)
	if w.desk.id != "" {
		c.SignAs(string(w.desk.id), w.desk.key)
	}
	return c.Call(ctx, method, path, nil, in, out)
}

// atOffline asks as the workstation about its offline passkey.
func (w *run) atOffline(ctx context.Context, method, path string, in, out any) error {
	return w.atDesk(ctx, method, "/pairings/"+string(w.desk.pairing)+"/offline"+path, in, out)
}

var askingOffline = step{"asking for an offline passkey", func(ctx context.Context, w *run) error {
	if w.desk.batch.BatchID == nil {
		w.desk.batch = postern.OfflineRequest{BatchID: make([]byte, batches.IDSize), Length: 8, Codes: 20, ExpiresAt: w.now().AddDate(0, 0, 29), Seal: postern.SealTPM}
		_, _ = rand.Read(w.desk.batch.BatchID)
	}
	return w.atOffline(ctx, http.MethodPost, "", w.desk.batch, nil)
}}

var agreeingOffline = step{"agreeing on the phone", func(ctx context.Context, w *run) error {
	return w.phone.API.AgreeOffline(ctx, w.desk.pairing, w.desk.batch.BatchID)
}}

// makingOffline does what a workstation does at whatever point it was cut off.
var makingOffline = step{"making the offline passkey", func(ctx context.Context, w *run) error {
	if w.desk.made == nil {
		var o postern.OfflineOptions
		if err := w.atOffline(ctx, http.MethodPost, "/options", nil, &o); err != nil {
			return err
		}
		made, err := w.makeOffline(ctx, o.PublicKey)
		if err != nil {
			return err
		}
		w.desk.made = &made
		if o.Recovery != nil {
			w.desk.sheet = o.Recovery
		}
	}
	if !w.desk.told {
		if err := w.atOffline(ctx, http.MethodPost, "/credential", w.desk.made, nil); err != nil {
			return err
		}
		w.desk.told = true
	}
	var a postern.OfflineAnswer
	err := w.atOffline(ctx, http.MethodGet, "", nil, &a)
	if err == nil && a.State != postern.OfflineActive {
		err = fmt.Errorf("the offline passkey is %s: %s", a.State, a.Message)
	}
	return err
}}

func (w *run) makeOffline(ctx context.Context, publicKey json.RawMessage) (out postern.OfflineCredential, err error) {
	model, err := hex.DecodeString(strings.ReplaceAll(postern.WorkstationAAGUID, "-", ""))
	if err != nil {
		return out, err
	}
	key, err := authenticator.New(authenticator.Config{
		AAGUID: ctap.AAGUID(model), Store: memory.New(1), User: &authtest.User{}, Random: rand.Reader, Now: w.now,
	})
	if err != nil {
		return out, err
	}
	options, err := client.ParseCreationOptions(publicKey)
	if err != nil {
		return out, err
	}
	options.Attestation = client.AttestationNone
	c := &client.Client{Random: rand.Reader, Channel: client.ChannelFunc(func(ctx context.Context, b []byte) ([]byte, error) { return key.Handle(ctx, b), nil })}
	made, err := c.Create(ctx, options, "https://"+options.RP.ID)
	if err != nil {
		return out, err
	}
	return postern.OfflineCredential{CredentialID: made.ID, ClientDataJSON: made.ClientDataJSON, AttestationObject: made.AttestationObject}, nil
}

// reportingOffline tells of the recovery codes, and of a sign-in that is counted once however often it is told.
var reportingOffline = step{"reporting", func(ctx context.Context, w *run) error { return w.report(ctx, 0) }}

func (w *run) report(ctx context.Context, recoveryNext int) error {
	sheet, err := w.sheet()
	if err != nil {
		return err
	}
	at := w.desk.batch.ExpiresAt.AddDate(0, 0, -29)
	r := postern.OfflineReport{
		BatchID: w.desk.batch.BatchID, CodesLeft: 19, ExpiresAt: w.desk.batch.ExpiresAt, ProvenAt: &at, RecoveryID: sheet.ID, RecoveryNext: recoveryNext,
		Events: []postern.OfflineEvent{{Number: 1, At: at, Kind: postern.OfflineSignedIn}},
	}
	if recoveryNext > 0 {
		r.Events = append(r.Events, postern.OfflineEvent{Number: 2, At: at.Add(time.Minute), Kind: postern.OfflineRecovered})
	}
	var a postern.OfflineAnswer
	if err := w.atOffline(ctx, http.MethodPut, "/report", r, &a); err != nil {
		return err
	}
	if a.Recovery != nil {
		w.t.Errorf("%sthe workstation is given recovery codes again", w.where())
	}
	return nil
}

// sheet is that of the recovery codes which the workstation has.
func (w *run) sheet() (*batches.Sheet, error) {
	if w.desk.sheet == nil {
		return nil, errors.New("the workstation has no recovery codes")
	}
	var s batches.Sheet
	if err := json.Unmarshal(w.desk.sheet, &s); err != nil {
		return nil, err
	}
	return &s, s.Check()
}

// recovering is the help desk reading a code to the user, who signs in with it. A code whose answer was lost is lost, and the
// help desk asks for another.
var recovering = step{"recovering", func(ctx context.Context, w *run) error {
	if w.desk.code == "" {
		all, err := w.owner.Recoveries(ctx, postern.RecoveryFilter{UserID: w.user})
		if err != nil {
			return err
		}
		open := slices.IndexFunc(all, func(r postern.Recovery) bool { return r.State == postern.RecoveryReady })
		if open < 0 {
			r, err := w.owner.Recover(ctx, w.desk.pairing, postern.RecoveryInput{Note: "on a plane"})
			if err != nil {
				return err
			}
			all, open = []postern.Recovery{r}, 0
		}
		if !slices.Contains(w.desk.asked, all[open].ID) {
			w.desk.asked = append(slices.Clone(w.desk.asked), all[open].ID)
		}
		code, err := w.owner.RecoveryCode(ctx, all[open].ID)
		if err != nil {
			return err
		}
		w.desk.code = code.Code
	}
	sheet, err := w.sheet()
	if err != nil {
		return err
	}
	index, ok := sheet.Match(batches.Hash(w.desk.code))
	if !ok {
		w.t.Fatalf("%sthe workstation does not know the code it was given", w.where())
	}
	return w.report(ctx, index+1)
}}

// recoveriesAgree holds that the last recovery is used and those whose code never came are over.
func (w *run) recoveriesAgree(ctx context.Context) error {
	all, err := w.owner.Recoveries(ctx, postern.RecoveryFilter{UserID: w.user})
	if err != nil {
		return err
	}
	if len(all) != len(w.desk.asked) || len(all) > 2 {
		return fmt.Errorf("%d recoveries were asked for, and there are %d", len(w.desk.asked), len(all))
	}
	for _, r := range all {
		want := postern.RecoveryWithdrawn
		if r.ID == w.desk.asked[len(w.desk.asked)-1] {
			want = postern.RecoveryUsed
		}
		if r.State != want {
			return fmt.Errorf("a recovery is %s, not %s", r.State, want)
		}
	}
	return nil
}

// offlineEnd is what must be true of an offline passkey at the end of a story.
type offlineEnd struct {
	state        postern.OfflineState
	reason       string
	passkeys     int // at Entra, the phone's among them
	recoveryLeft int
	trail        map[string]int
}

// offlineAgrees holds that Entra, the workstation, the administrator and the audit trail see the same, once each.
func (w *run) offlineAgrees(ctx context.Context, want offlineEnd) error {
	listed, err := w.graph.Passkeys(ctx, w.person.ID)
	if err != nil {
		return err
	}
	atDesk := ""
	for _, k := range listed {
		if k.AAGUID != postern.WorkstationAAGUID {
			continue
		}
		if atDesk != "" {
			return errors.New("Entra lists two offline passkeys")
		}
		atDesk = k.ID
	}
	active := want.state == postern.OfflineActive
	if len(listed) != want.passkeys || (atDesk != "") != active {
		return fmt.Errorf("Entra lists %d passkeys, an offline one among them: %v", len(listed), atDesk != "")
	}
	all, err := w.admin.OfflineOfUser(ctx, w.user)
	if err != nil {
		return err
	}
	if len(all) != 1 || all[0].State != want.state || all[0].Reason != want.reason || all[0].RecoveryLeft != want.recoveryLeft || all[0].PasskeyID == "" || all[0].CodesLeft != 19 {
		return fmt.Errorf("the administrator sees %+v", all)
	}
	var a postern.OfflineAnswer
	if err := w.atOffline(ctx, http.MethodGet, "", nil, &a); err != nil {
		return err
	}
	if a.State != want.state || !bytes.Equal(a.BatchID, w.desk.batch.BatchID) {
		return fmt.Errorf("the workstation is told %+v", a)
	}
	if err := w.offlineKept(ctx, all[0].PasskeyID, atDesk); err != nil {
		return err
	}
	told := make(map[string]int)
	for e, err := range w.admin.AuditEvents(ctx, postern.AuditFilter{Target: string(w.desk.id)}) {
		if err != nil {
			return err
		}
		if strings.HasPrefix(e.Name, "offline.") || strings.HasPrefix(e.Name, "recovery.") {
			told[e.Name]++
		}
	}
	if !maps.Equal(told, want.trail) {
		return fmt.Errorf("the trail tells %v of the workstation, not %v", told, want.trail)
	}
	return nil
}

// offlineKept holds that one provisioning made the passkey, and that the control center manages it as long as Entra lists it.
func (w *run) offlineKept(ctx context.Context, id postern.PasskeyID, method string) error {
	made, err := w.admin.Provisionings(ctx, w.user)
	if err != nil {
		return err
	}
	made = slices.DeleteFunc(made, func(p postern.Provisioning) bool { return p.Carrier != postern.CarrierWorkstation })
	if len(made) != 1 || made[0].State != postern.ProvisioningActive || made[0].PairingID != w.desk.pairing {
		return fmt.Errorf("the provisionings on the workstation are %+v", made)
	}
	keys, err := w.admin.Passkeys(ctx, w.user)
	if err != nil {
		return err
	}
	keys = slices.DeleteFunc(keys, func(k postern.Passkey) bool { return k.Carrier != postern.CarrierWorkstation })
	if method == "" {
		if len(keys) != 0 {
			return fmt.Errorf("the administrator sees %+v", keys)
		}
		return nil
	}
	if len(keys) != 1 || keys[0].ID != id || keys[0].MethodID != method || !keys[0].Managed || keys[0].State != postern.PasskeyActive || keys[0].Problem != "" ||
		!bytes.Equal(keys[0].CredentialID, w.desk.made.CredentialID) {
		return fmt.Errorf("the administrator sees %+v", keys)
	}
	return nil
}
