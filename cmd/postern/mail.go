package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// mailCmd is everything about messages to users.
type mailCmd struct {
	remote
	Settings mailSettingsCmd `cmd:"" help:"Show the mail settings, or change those that are given."`
	Test     mailTestCmd     `cmd:"" help:"Send a test message and say what the mail server answered."`
	Preview  mailPreviewCmd  `cmd:"" help:"Print a message as users get it, with an invented user and a code that is none."`
	Campaign mailCampaignCmd `cmd:"" help:"Show the reminder campaign of an integration and whom it would write to now; switch it on or off."`
	Outbox   mailOutboxCmd   `cmd:"" help:"List messages to users, newest first."`
	Resend   mailResendCmd   `cmd:"" help:"Write a message again that was sent or failed."`
}

type mailSettingsCmd struct {
	Host         *string  `help:"Mail server; an empty one switches mail off."`
	Port         *int     `help:"Port of the mail server."`
	Security     *string  `help:"starttls, tls, or none for a server on the same machine." placeholder:"KIND"`
	Username     *string  `help:"User name at the mail server."`
	PasswordFile string   `help:"File with the password; - reads it from standard input." placeholder:"FILE"`
	From         *string  `help:"Sender's address."`
	ReplyTo      *string  `help:"Where answers go."`
	Organisation *string  `help:"The organisation's name, which messages speak for."`
	HelpAddress  *string  `help:"Where users find help."`
	PerMinute    *int     `help:"How many messages are sent in a minute at most."`
	Language     *string  `help:"Language of messages to administrators: en or de." placeholder:"LANGUAGE"`
	Silent       []string `help:"What administrators are not written to about: credential, drift. Replaces all; none: about everything." placeholder:"KIND"`
}

// change puts a flag that was given in the place of what is stored.
func change[T any](value *T, given *T) bool {
	if given != nil {
		*value = *given
	}
	return given != nil
}

// Run shows or changes the mail settings.
func (cmd *mailSettingsCmd) Run(ctx context.Context, std cli.Streams, group *mailCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	set, err := c.MailSettings(ctx)
	if err != nil {
		return err
	}
	in := postern.MailSettingsInput{MailSettings: set}
	changed := false
	for _, did := range []bool{
		change(&in.Host, cmd.Host), change(&in.Port, cmd.Port), change(&in.Username, cmd.Username), change(&in.From, cmd.From),
		change(&in.ReplyTo, cmd.ReplyTo), change(&in.Organisation, cmd.Organisation), change(&in.Help, cmd.HelpAddress), change(&in.PerMinute, cmd.PerMinute),
		change((*string)(&in.Security), cmd.Security), change((*string)(&in.Language), cmd.Language), silence(&in.MailSettings, cmd.Silent),
	} {
		changed = changed || did
	}
	if cmd.PasswordFile != "" {
		if in.Password, err = readSecret(cmd.PasswordFile, std.In); err != nil {
			return err
		}
		changed = true
	}
	if changed {
		if set, err = c.SetMailSettings(ctx, in); err != nil {
			return err
		}
	}
	return showFields(std, group.JSON, set,
		field{"Mail server", set.Host}, field{"Port", fmt.Sprint(set.Port)}, field{"Protection", string(set.Security)},
		field{"User name", set.Username}, field{"Password stored", yesNo(set.PasswordSet)}, field{"From", set.From},
		field{"Reply to", set.ReplyTo}, field{"Organisation", set.Organisation}, field{"Help", set.Help},
		field{"Messages a minute", fmt.Sprint(set.PerMinute)}, field{"Language for administrators", string(set.Language)},
		field{"Administrators not told of", join(set.Silent)},
	)
}

// silence says what administrators are not written to about.
func silence(set *postern.MailSettings, kinds []string) bool {
	if len(kinds) == 0 {
		return false
	}
	set.Silent = nil
	for _, kind := range kinds {
		if kind != "none" {
			set.Silent = append(set.Silent, postern.AlarmKind(kind))
		}
	}
	return true
}

type mailTestCmd struct {
	To string `arg:"" help:"Who gets the message."`
}

// Run sends a test message. What the server has against it is a failure of the command.
func (cmd *mailTestCmd) Run(ctx context.Context, std cli.Streams, group *mailCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	out, err := c.TestMail(ctx, postern.MailTestInput{To: cmd.To})
	if err != nil {
		return err
	}
	if group.JSON {
		if err := cli.JSON(std.Out, out); err != nil {
			return err
		}
	}
	if !out.OK {
		return postern.Errorf(out.Code, "%s", out.Message).WithNext(out.Next)
	}
	if !group.JSON {
		fmt.Fprintln(std.Out, cli.Clean(out.Message))
	}
	return nil
}

type mailPreviewCmd struct {
	within
	Kind     string `arg:"" enum:"invitation,code,ending,reminder,phone_revoked" help:"invitation, code, ending, reminder or phone_revoked."`
	Language string `help:"en or de." enum:"en,de" default:"en"`
	HTML     bool   `name:"html" help:"Print the HTML form."`
}

// Run prints a message.
func (cmd *mailPreviewCmd) Run(ctx context.Context, std cli.Streams, group *mailCmd) error {
	c, i, err := named(cmd.within).open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	p, err := c.PreviewMessage(ctx, i.ID, postern.MessageText{Kind: postern.MessageKind(cmd.Kind), Language: postern.Language(cmd.Language)})
	if err != nil {
		return err
	}
	switch {
	case group.JSON:
		return cli.JSON(std.Out, p)
	case cmd.HTML:
		_, err = fmt.Fprint(std.Out, p.HTML)
	default:
		_, err = fmt.Fprintf(std.Out, "Subject: %s\n\n%s", cli.Clean(p.Subject), p.Text)
	}
	return err
}

type mailCampaignCmd struct {
	within
	On  bool `help:"Switch it on." xor:"switch"`
	Off bool `help:"Switch it off." xor:"switch"`
}

// campaignView is what is printed with --json.
type campaignView struct {
	Campaign postern.Campaign        `json:"campaign"`
	Now      postern.CampaignPreview `json:"now"`
}

// Run shows a campaign and switches it.
func (cmd *mailCampaignCmd) Run(ctx context.Context, std cli.Streams, group *mailCmd) error {
	c, i, err := named(cmd.within).open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	m, err := c.Messages(ctx, i.ID)
	if err != nil {
		return err
	}
	if want := cmd.On || !cmd.Off && m.Campaign.On; want != m.Campaign.On {
		m.Campaign.On = want
		if m, err = c.SetMessages(ctx, i.ID, m); err != nil {
			return err
		}
	}
	v := campaignView{Campaign: m.Campaign}
	if v.Now, err = c.PreviewCampaign(ctx, i.ID, m.Campaign); err != nil {
		return err
	}
	days := "every day"
	if len(m.Campaign.Weekdays) > 0 {
		days = strings.Join(m.Campaign.Weekdays, ", ")
	}
	return showFields(std, group.JSON, v,
		field{"On", yesNo(m.Campaign.On)},
		field{"First reminder", fmt.Sprintf("%d days after the phone was paired", m.Campaign.FirstDays)},
		field{"Then", fmt.Sprintf("every %d days, %d in all at most", m.Campaign.EveryDays, m.Campaign.AtMost)},
		field{"Invitations that end", yesNo(m.Campaign.Invited)},
		field{"Days", days},
		field{"Hours", fmt.Sprintf("%d:00 to %d:00, %s", m.Campaign.FromHour, m.Campaign.UntilHour, m.Campaign.TimeZone)},
		field{"Would write now to", fmt.Sprintf("%d users", v.Now.Due)},
	)
}

type mailOutboxCmd struct {
	within
	User  string `help:"Only messages to this user." placeholder:"NAME"`
	State string `help:"Only messages in this state." enum:",queued,sent,failed,withdrawn" default:"" placeholder:"STATE"`
	Limit int    `help:"At most that many." default:"100"`
}

// Run lists messages.
func (cmd *mailOutboxCmd) Run(ctx context.Context, std cli.Streams, group *mailCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	filter := postern.OutboxFilter{State: postern.MessageState(cmd.State)}
	if cmd.Integration != "" {
		i, err := find(ctx, c, cmd.Integration)
		if err != nil {
			return err
		}
		filter.IntegrationID = i.ID
	}
	if cmd.User != "" {
		u, err := findUser(ctx, c, cmd.User)
		if err != nil {
			return err
		}
		filter.UserID = u.ID
	}
	all, err := collect(c.Outbox(ctx, filter), cmd.Limit)
	if err != nil {
		return err
	}
	t := table{header: []string{"ID", "WRITTEN", "KIND", "TO", "STATE", "SENT", "PROBLEM"}, empty: "No messages."}
	return showList(std, group.JSON, all, t, func(m postern.Message) []string {
		return []string{string(m.ID), when(m.CreatedAt), string(m.Kind), m.Address, string(m.State), whenever(m.SentAt), m.Problem}
	})
}

type mailResendCmd struct {
	Message string `arg:"" help:"Identifier of the message."`
}

// Run writes a message again.
func (cmd *mailResendCmd) Run(ctx context.Context, std cli.Streams, group *mailCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	if err := c.ResendMessage(ctx, postern.MessageID(cmd.Message)); err != nil {
		return err
	}
	fmt.Fprintln(std.Err, "The message is on its way.")
	return nil
}

type usersRemindCmd struct{ who }

// Run reminds a user.
func (cmd *usersRemindCmd) Run(ctx context.Context, std cli.Streams, group *usersCmd) error {
	c, u, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	if err := c.RemindUser(ctx, u.ID); err != nil {
		return err
	}
	fmt.Fprintf(std.Err, "A reminder to %s is on its way.\n", cli.Clean(u.UPN))
	return nil
}
