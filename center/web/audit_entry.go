package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// entryPage is one entry of the trail.
type entryPage struct {
	frame
	Details   postern.AuditEventDetails
	Retention postern.AuditRetention
	Actor     link // to the page of who did it, empty where there is none
	Target    link
	User      link // whose phone or passkey it was
	Where     link // the integration
}

// link leads to the page of something, where the console has one.
type link struct{ Path, Name string }

func entryPath(sequence int64) string { return "/audit/" + strconv.FormatInt(sequence, 10) }

func (c *console) auditEntry(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	sequence := sequenceOf(r.PathValue("sequence"))
	if sequence == 0 {
		return c.notFound(w, r)
	}
	p := entryPage{frame: c.frame(r, sectionAudit, "Entry "+strconv.FormatInt(sequence, 10))}
	p.Trail = []crumb{{"Audit trail", "/audit"}}
	var err error
	if p.Details, err = c.Trail.Details(ctx, sequence); err != nil {
		return err
	}
	if p.Retention, err = c.Trail.Retention(ctx); err != nil {
		return err
	}
	e := p.Details.Event
	if e.IntegrationID != "" {
		if i, err := c.Integrations.Get(ctx, e.IntegrationID); err == nil {
			p.Where = link{integrationPath(i.ID), i.ApplicationName}
		} // it may have been removed since
	}
	p.Actor, _ = c.linkTo(ctx, p.frame, e, e.Actor.ID)
	p.Target, p.User = c.linkTo(ctx, p.frame, e, e.Target)
	if id := e.Fields["user"]; p.User.Path == "" && id != e.Target && postern.ValidID(id, postern.PrefixUser) {
		p.User, _ = c.linkTo(ctx, p.frame, e, id)
	}
	return c.show(w, r, http.StatusOK, entry(p))
}

// linkTo finds the page of what has an identifier, and whose it is. What is gone, and what the person may not see, has
// none.
func (c *console) linkTo(ctx context.Context, f frame, e postern.AuditEvent, id string) (page, owner link) {
	kind, _, _ := strings.Cut(id, "_")
	switch {
	case kind == postern.PrefixAdministrator:
		return link{}, link{}
	case !f.May(postern.PermUsersRead):
		return link{}, link{}
	}
	user := postern.UserID("")
	switch kind {
	case postern.PrefixUser:
		if u, err := c.Users.User(ctx, postern.UserID(id)); err == nil {
			return link{userPath(u.ID), u.DisplayName}, link{}
		}
	case postern.PrefixPhone:
		if p, err := c.Phones.Phone(ctx, postern.PhoneID(id)); err == nil {
			page, user = link{userPath(p.UserID), p.Name}, p.UserID
		}
	case postern.PrefixProvisioning:
		if v, err := c.Passkeys.Provisioning(ctx, postern.ProvisioningID(id)); err == nil {
			page, user = link{userPath(v.UserID), v.DisplayName}, v.UserID
		}
	case postern.PrefixIntegration:
		if i, err := c.Integrations.Get(ctx, postern.IntegrationID(id)); err == nil {
			return link{integrationPath(i.ID), i.ApplicationName}, link{}
		}
	case postern.PrefixWorkstation:
		if e.IntegrationID != "" {
			return link{integrationPath(e.IntegrationID) + "/workstations", e.TargetName}, link{}
		}
	case postern.PrefixBulkJob:
		return link{jobPath(postern.BulkJobID(id)), e.TargetName}, link{}
	case postern.PrefixAuditStream:
		return link{streamsPath, e.TargetName}, link{}
	}
	if user != "" {
		if u, err := c.Users.User(ctx, user); err == nil {
			owner = link{userPath(u.ID), u.DisplayName}
		}
	}
	return page, owner
}

// otherFields are those that stand neither in the table of changes nor among the request ids.
func (p entryPage) otherFields() []string {
	return slices.DeleteFunc(sortedKeys(p.Details.Event.Fields), func(name string) bool {
		return name == audit.FieldGraphRequests || strings.HasPrefix(name, audit.BeforePrefix) || strings.HasPrefix(name, audit.AfterPrefix)
	})
}

// fieldNames are those of fields whose own name says too little.
var fieldNames = map[string]string{
	"at_workstation": "By the clock of the workstation", "require_tpm": "Only with a TPM", "recovery_length": "Digits of a recovery PIN", "batch": "Batch of codes",
}

// fieldText is the value of a field, in words where it is one of a list.
func fieldText(e postern.AuditEvent, name string) string {
	value := e.Fields[name]
	if strings.HasPrefix(e.Name, "offline.") {
		switch name {
		case "reason":
			return offlineReasonText(value)
		case "seal":
			return sealText(value)
		}
	}
	return value
}

func fieldWords(name string) string {
	if words := fieldNames[name]; words != "" {
		return words
	}
	words := strings.NewReplacer("_", " ", ".", ": ").Replace(name)
	return strings.ToUpper(words[:min(1, len(words))]) + words[min(1, len(words)):]
}

// chainText says what holds the entry in its place.
func (p entryPage) chainText() string {
	d := p.Details
	switch {
	case !d.Verifies:
		return ""
	case d.Checkpoint > 0:
		return "The entry hashes to what it says, and the last signed checkpoint, over " + strconv.FormatInt(d.Checkpoint, 10) + " entries, covers it."
	}
	return "The entry hashes to what it says. No signed checkpoint covers it yet; one is made every hour and with each verification."
}

// codesPage lists every event there can be.
type codesPage struct {
	frame
	Families []eventFamily
}

func (c *console) auditCodes(w http.ResponseWriter, r *http.Request) error {
	return c.show(w, r, http.StatusOK, auditCodes(codesPage{frame: c.frame(r, sectionAudit, "Events of the audit trail"), Families: eventFamilies()}))
}
