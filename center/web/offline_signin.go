package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
)

// offlineRow is one offline passkey, as the pages of users and of workstations show it.
type offlineRow struct {
	frame
	One   postern.OfflineSignIn
	Title string // what tells it from the others: the workstation, or the user
	Path  string // of the page of what the title names; none if empty
	OS    string // of the workstation
	Off   bool   // recovery PINs are switched off for the integration
}

func userPairingPath(o postern.OfflineSignIn) string {
	return userPath(o.UserID) + "/pairings/" + string(o.Pairing)
}

// over reports whether there is nothing left to take away.
func (r offlineRow) over() bool {
	return r.One.State == postern.OfflineEnding || r.One.State == postern.OfflineEnded
}

// recoverable reports whether asking for a recovery PIN is worth offering.
func (r offlineRow) recoverable() bool {
	return r.May(postern.PermUsersRecover) && !r.Off && r.One.State == postern.OfflineActive && r.One.Recovery && r.One.RecoveryLeft > 0
}

// offlineBadge says in two words how an offline passkey stands.
func offlineBadge(o postern.OfflineSignIn, now time.Time) (kind, text string) {
	switch o.State {
	case postern.OfflineAsked:
		return "info", "waiting for the user"
	case postern.OfflineConsented, postern.OfflineRegistering:
		return "info", "being set up"
	case postern.OfflineEnding:
		return "warn", "being taken away"
	case postern.OfflineEnded:
		return "", "ended"
	}
	switch {
	case o.Locked:
		return "bad", "locked"
	case o.ClockSetBack:
		return "bad", "clock set back"
	case !now.Before(o.ExpiresAt):
		return "warn", "codes ran out"
	case o.CodesLeft == 0:
		return "warn", "no codes left"
	case o.ProvenAt == nil:
		return "warn", "not tried yet"
	}
	return "ok", "ready"
}

// offlineTrouble says what keeps somebody from signing in offline, and what helps.
func offlineTrouble(o postern.OfflineSignIn, now time.Time) []string {
	var all []string
	if o.State != postern.OfflineActive {
		if text := strings.TrimSpace(o.Message + " " + o.Next); text != "" && o.State != postern.OfflineEnded {
			all = append(all, text)
		}
		return all
	}
	if o.Locked {
		all = append(all, "Too many wrong codes were typed. It opens again once the workstation is online and its user has signed in there with the phone. A recovery PIN does not open it either.")
	}
	if o.ClockSetBack {
		all = append(all, "The clock of the workstation went back while it was offline. No code works, and no recovery PIN, until the workstation is online again with its clock right.")
	}
	switch {
	case !now.Before(o.ExpiresAt):
		all = append(all, "The codes are too old. New ones come by themselves when the workstation is online and the phone is there.")
	case o.CodesLeft == 0:
		all = append(all, "All codes are used up. New ones come by themselves when the workstation is online and the phone is there.")
	}
	if o.ProvenAt == nil {
		all = append(all, "Nobody has signed in with it while there was a network. Windows lets nobody in offline before that: at the workstation, Try it once on the page of the desktop client.")
	}
	return all
}

// offlineStateText says where an offline passkey stands that cannot be used yet, or any more.
func offlineStateText(o postern.OfflineSignIn) string {
	switch o.State {
	case postern.OfflineAsked:
		return "The workstation asked. Its user has not agreed on the phone yet."
	case postern.OfflineConsented:
		return "The user agreed on the phone. The workstation goes on as soon as it is online."
	case postern.OfflineRegistering:
		return "The passkey is being registered with Entra."
	case postern.OfflineEnding:
		return "Entra still lists the passkey. It is being taken away " + offlineReasonText(o.Reason) + "."
	case postern.OfflineEnded:
		return "It ended " + offlineReasonText(o.Reason) + "."
	}
	return ""
}

// offlineReasonText says why an offline passkey ended.
func offlineReasonText(reason string) string {
	switch reason {
	case postern.OfflineEndPhone:
		return "because its user took it away on the phone"
	case postern.OfflineEndWorkstation:
		return "because somebody took it away at the workstation"
	case postern.OfflineEndAdministrator:
		return "because an administrator took it away"
	case postern.OfflineEndPairing:
		return "with the pairing"
	case postern.OfflineEndPhoneRevoked:
		return "with the phone"
	case postern.OfflineEndWorkstationRevoked:
		return "with the workstation"
	case postern.OfflineEndSettings:
		return "because Workstation Settings no longer allow it"
	case postern.OfflineEndFailed:
		return "because it was never registered"
	case string(postern.RevocationAtEntra):
		return "because somebody removed it at Entra"
	}
	if text := reasonText(postern.RevocationReason(reason)); text != "" {
		return text
	}
	return "for a reason that was not written down"
}

func sealText(seal string) string {
	if seal == postern.SealTPM {
		return "sealed by the TPM"
	}
	return "kept in a file, with no TPM"
}

// offlineAt says in few words what a workstation has, the worst of it first; empty where it has nothing.
func offlineAt(all []postern.OfflineSignIn, now time.Time) (kind, text string) {
	weight := map[string]int{"bad": 3, "warn": 2, "info": 1}
	for n, o := range all {
		k, t := offlineBadge(o, now)
		if n == 0 || weight[k] > weight[kind] {
			kind, text = k, t
		}
	}
	if text == "" {
		return "", ""
	}
	return kind, "offline: " + text
}

// byWorkstation sorts what is open by where it lies.
func byWorkstation(open []postern.OfflineSignIn) map[postern.WorkstationID][]postern.OfflineSignIn {
	out := make(map[postern.WorkstationID][]postern.OfflineSignIn)
	for _, o := range open {
		out[o.WorkstationID] = append(out[o.WorkstationID], o)
	}
	return out
}

// offlineOf finds the offline passkey of the address among the user's.
func (c *console) offlineOf(r *http.Request, u postern.User) (postern.OfflineSignIn, error) {
	all, err := c.Offline.OfUser(r.Context(), u.ID)
	if err != nil {
		return postern.OfflineSignIn{}, err
	}
	n := slices.IndexFunc(all, func(o postern.OfflineSignIn) bool { return string(o.Pairing) == r.PathValue("pairing") })
	if n < 0 {
		return postern.OfflineSignIn{}, postern.Errorf(postern.CodeNotFound, "%s has no such offline passkey.", u.DisplayName)
	}
	return all[n], nil
}

// endOffline takes an offline passkey away.
func (c *console) endOffline(w http.ResponseWriter, r *http.Request) error {
	u, err := c.loadUser(r)
	if err != nil {
		return err
	}
	o, err := c.offlineOf(r, u)
	if err != nil {
		return err
	}
	return c.actWithReason(w, r, u, "Take the offline passkey of "+o.Workstation+" away?", endOfflineText(u, o), "Take it away", "offline-ended",
		func(ctx context.Context, note string) error {
			_, err := c.Offline.End(ctx, "", o.Pairing, note)
			return err
		})
}

func endOfflineText(u postern.User, o postern.OfflineSignIn) string {
	return fmt.Sprintf("It is deleted from Entra, and %s can no longer sign in at %s without a network. If the workstation is offline, it hears of it when it is online again. Phone and pairing stay.",
		u.DisplayName, o.Workstation)
}
