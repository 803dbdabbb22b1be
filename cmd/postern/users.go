package main

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/skip2/go-qrcode"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// usersCmd is everything about users.
type usersCmd struct {
	remote
	Search    usersSearchCmd    `cmd:"" help:"Search the tenant's directory."`
	List      usersListCmd      `cmd:"" help:"List the users that Postern knows."`
	Count     usersCountCmd     `cmd:"" help:"Count the users in each phase."`
	Show      usersShowCmd      `cmd:"" help:"Show a user."`
	Invite    usersInviteCmd    `cmd:"" help:"Invite a user and print the one-time code."`
	Provision usersProvisionCmd `cmd:"" help:"Ask the phones of many users for passkeys."`
	Withdraw  usersWithdrawCmd  `cmd:"" help:"Withdraw the open invitations of a user."`
	Suspend   usersSuspendCmd   `cmd:"" help:"Hold a user back: no phone of theirs is let talk until the suspension is ended."`
	Resume    usersResumeCmd    `cmd:"" help:"End the suspension of a user."`
	Revoke    usersRevokeCmd    `cmd:"" help:"Take every phone and managed passkey of a user away."`
	Offline   usersOfflineCmd   `cmd:"" help:"List the workstations at which a user can sign in offline."`
	Remind    usersRemindCmd    `cmd:"" help:"Remind a user by mail of the step that is left, or of an open invitation."`
}

// within narrows a command to one integration.
type within struct {
	Integration string `help:"Identifier or application name of the integration." short:"i" placeholder:"NAME"`
}

// findUser resolves an identifier or user principal name.
func findUser(ctx context.Context, c *postern.Client, name string) (postern.User, error) {
	if postern.ValidID(name, postern.PrefixUser) {
		return c.User(ctx, postern.UserID(name))
	}
	var found []postern.User
	for u, err := range c.Users(ctx, postern.UserFilter{Search: name}) {
		if err != nil {
			return postern.User{}, err
		}
		if strings.EqualFold(u.UPN, name) {
			found = append(found, u)
		}
	}
	switch len(found) {
	case 0:
		return postern.User{}, postern.Errorf(postern.CodeNotFound, "Postern knows no user %q.", name).
			WithNext("postern users list shows those it knows; postern users search looks into the tenant's directory.")
	case 1:
		return found[0], nil
	}
	return postern.User{}, postern.Errorf(postern.CodeInvalid, "%q is a user of %d integrations.", name, len(found)).
		WithNext("Use the identifier; postern users list shows it.")
}

// collect reads a whole list, but at most limit.
func collect[T any](all iter.Seq2[T, error], limit int) ([]T, error) {
	var out []T
	for item, err := range all {
		if err != nil {
			return nil, err
		}
		if out = append(out, item); len(out) == limit {
			break
		}
	}
	return out, nil
}

type usersSearchCmd struct {
	within
	Query string `arg:"" help:"Beginning of a name, mail address or user principal name."`
	Limit int    `help:"At most that many." default:"25"`
}

// Run searches the directory.
func (cmd *usersSearchCmd) Run(ctx context.Context, std cli.Streams, group *usersCmd) error {
	c, i, err := named(cmd.within).open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	users, err := c.SearchDirectory(ctx, i.ID, cmd.Query, cmd.Limit)
	if err != nil {
		return err
	}
	t := table{header: []string{"USER PRINCIPAL NAME", "DISPLAY NAME", "OBJECT ID", "NOTES"}, empty: "The directory has nobody like that."}
	return showList(std, group.JSON, users, t, func(u postern.DirectoryUser) []string {
		var notes []string
		for note, on := range map[string]bool{"disabled": !u.Enabled, "guest": u.Guest, "privileged": u.Privileged} {
			if on {
				notes = append(notes, note)
			}
		}
		slices.Sort(notes)
		return []string{u.UPN, u.DisplayName, u.ObjectID, strings.Join(notes, ", ")}
	})
}

type usersListCmd struct {
	within
	Phase   string `help:"Only users in this phase." enum:",none,eligible,paired,active,suspended,revoked" default:"" placeholder:"PHASE"`
	Account string `help:"Only users whose account is in this state." enum:",enabled,disabled,deleted" default:"" placeholder:"STATE"`
	Search  string `help:"Part of the display name or user principal name." placeholder:"TEXT"`
	Limit   int    `help:"At most that many." default:"1000"`
}

// Run lists users.
func (cmd *usersListCmd) Run(ctx context.Context, std cli.Streams, group *usersCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	filter := postern.UserFilter{Phase: postern.Phase(cmd.Phase), Account: postern.AccountState(cmd.Account), Search: cmd.Search}
	if cmd.Integration != "" {
		i, err := find(ctx, c, cmd.Integration)
		if err != nil {
			return err
		}
		filter.IntegrationID = i.ID
	}
	users, err := collect(c.Users(ctx, filter), cmd.Limit)
	if err != nil {
		return err
	}
	t := table{header: []string{"ID", "USER PRINCIPAL NAME", "DISPLAY NAME", "PHASE", "PROBLEM"}, empty: "No users."}
	return showList(std, group.JSON, users, t, func(u postern.User) []string {
		return []string{string(u.ID), u.UPN, u.DisplayName, string(u.Phase), u.Problem}
	})
}

type usersCountCmd struct{ named }

// Run counts users.
func (cmd *usersCountCmd) Run(ctx context.Context, std cli.Streams, group *usersCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	counts, err := c.CountUsers(ctx, i.ID)
	if err != nil {
		return err
	}
	var fields []field
	for _, phase := range slices.Sorted(maps.Keys(counts.Phases)) {
		fields = append(fields, field{string(phase), fmt.Sprint(counts.Phases[phase])})
	}
	return showFields(std, group.JSON, counts, fields...)
}

// who names one user.
type who struct {
	User string `arg:"" help:"User principal name or identifier."`
}

func (w who) open(ctx context.Context, r *remote, std cli.Streams) (*postern.Client, postern.User, error) {
	c, err := r.client(std)
	if err != nil {
		return nil, postern.User{}, err
	}
	u, err := findUser(ctx, c, w.User)
	return c, u, err
}

type usersShowCmd struct{ who }

// userView is a user with everything around them, as printed with --json.
type userView struct {
	User          postern.User           `json:"user"`
	Invitations   []postern.Invitation   `json:"invitations"`
	Phones        []postern.Phone        `json:"phones"`
	Provisionings []postern.Provisioning `json:"provisionings"`
}

// Run shows a user.
func (cmd *usersShowCmd) Run(ctx context.Context, std cli.Streams, group *usersCmd) error {
	c, u, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	v := userView{User: u}
	if v.Invitations, err = c.Invitations(ctx, u.ID); err != nil {
		return err
	}
	if v.Phones, err = c.Phones(ctx, u.ID); err != nil {
		return err
	}
	if v.Provisionings, err = c.Provisionings(ctx, u.ID); err != nil {
		return err
	}
	fields := []field{
		{"ID", string(u.ID)},
		{"User principal name", u.UPN},
		{"Display name", u.DisplayName},
		{"Mail", u.Mail},
		{"Phase", string(u.Phase)},
		{"Account", string(u.Account)},
		{"Problem", u.Problem},
		{"Since", when(u.CreatedAt)},
	}
	fields = append(fields, suspensionFields(u)...)
	for _, i := range v.Invitations {
		fields = append(fields, field{"Invitation", fmt.Sprintf("%s %s, until %s", i.ID, i.State, when(i.ExpiresAt))})
	}
	for _, p := range v.Phones {
		fields = append(fields, field{"Phone", fmt.Sprintf("%s %s, %s", p.ID, p.Name, p.State)})
	}
	for _, p := range v.Provisionings {
		fields = append(fields, field{"Provisioning", strings.TrimSpace(fmt.Sprintf("%s %s %s", p.ID, p.State, p.Message))})
	}
	return showFields(std, group.JSON, v, fields...)
}

type usersInviteCmd struct {
	within
	many
	User  string `arg:"" optional:"" help:"User principal name or object id. Or name many with --file, --group or --phase."`
	Valid int    `help:"How many minutes the code works; three days unless given." placeholder:"MINUTES"`
	Mail  string `help:"Write to the user: invitation sends a message that informs, code sends that and the one-time code in a message of its own." enum:",invitation,code" default:"" placeholder:"WHAT"`
	QR    bool   `name:"qr" help:"Draw the link as a QR code, for the user to scan with the phone's camera."`
}

// Run invites a user. The code goes to standard output alone, so that a script can take it.
func (cmd *usersInviteCmd) Run(ctx context.Context, std cli.Streams, group *usersCmd) error {
	if cmd.given() == (cmd.User != "") {
		return postern.Errorf(postern.CodeInvalid, "Name one user, or many with one of --file, --group and --phase.")
	}
	if cmd.given() {
		in, err := cmd.input(postern.BulkInvite, std.In)
		if err != nil {
			return err
		}
		in.ValidMinutes, in.Mail = cmd.Valid, postern.InvitationMail(cmd.Mail)
		return cmd.start(ctx, std, &group.remote, cmd.within, in, sure{})
	}
	c, i, err := named(cmd.within).open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	made, err := c.InviteUser(ctx, i.ID, postern.InvitationInput{User: cmd.User, ValidMinutes: cmd.Valid, Mail: postern.InvitationMail(cmd.Mail)})
	if err != nil {
		return err
	}
	if group.JSON {
		return cli.JSON(std.Out, made)
	}
	fmt.Fprintf(std.Err, "%s is invited. The code works once, until %s, and cannot be shown again:\n", made.User.UPN, when(made.Invitation.ExpiresAt))
	if _, err := fmt.Fprintln(std.Out, made.Code); err != nil || made.Link == "" {
		return err
	}
	fmt.Fprintf(std.Err, "This opens the app on the phone with the code filled in; it is as secret as the code:\n%s\n", cli.Clean(made.Link))
	if !cmd.QR {
		return nil
	}
	drawn, err := qrcode.New(made.Link, qrcode.Medium)
	if err != nil {
		return fmt.Errorf("draw the link: %w", err)
	}
	_, err = fmt.Fprint(std.Err, drawn.ToSmallString(false))
	return err
}

type usersWithdrawCmd struct{ who }

// Run withdraws the open invitations of a user.
func (cmd *usersWithdrawCmd) Run(ctx context.Context, std cli.Streams, group *usersCmd) error {
	c, u, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	all, err := c.Invitations(ctx, u.ID)
	if err != nil {
		return err
	}
	withdrawn := 0
	for _, i := range all {
		if i.State != postern.InvitationOpen {
			continue
		}
		if err := c.WithdrawInvitation(ctx, i.ID); err != nil {
			return err
		}
		withdrawn++
	}
	if withdrawn == 0 {
		return postern.Errorf(postern.CodeNotFound, "%s has no open invitation.", u.UPN)
	}
	fmt.Fprintf(std.Err, "Withdrawn: %d.\n", withdrawn)
	return nil
}
