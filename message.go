package postern

import "time"

// InvitationMail says which messages go with an invitation.
type InvitationMail string

// The choices. The one-time code never stands in the invitation itself: it is a message of its own.
const (
	MailNone       InvitationMail = ""           // the inviter hands the code over
	MailInvitation InvitationMail = "invitation" // a message that informs, without code
	MailCode       InvitationMail = "code"       // that one, and the one-time code in a second one
)

// MessageKind is what a message is about.
type MessageKind string

// The kinds of message.
const (
	MessageInvitation   MessageKind = "invitation"    // you are invited; informs only
	MessageCode         MessageKind = "code"          // the one-time code
	MessageEnding       MessageKind = "ending"        // the invitation runs out soon
	MessageReminder     MessageKind = "reminder"      // a phone is paired, but Entra knows no passkey of it
	MessagePhoneRevoked MessageKind = "phone_revoked" // the organisation removed the phone
	MessageTest         MessageKind = "test"          // an administrator tries the mail settings
)

// MessageKinds lists the kinds that go to users, in the order in which pages show them.
var MessageKinds = []MessageKind{MessageInvitation, MessageCode, MessageEnding, MessageReminder, MessagePhoneRevoked}

// MessageState is where a message stands.
type MessageState string

// The message states. Sent means that the mail server took it, not that anybody read it.
const (
	MessageQueued    MessageState = "queued"
	MessageSent      MessageState = "sent"
	MessageFailed    MessageState = "failed"
	MessageWithdrawn MessageState = "withdrawn" // what it was about no longer held before it was sent
)

// Message is one mail to one user, without what it says.
type Message struct {
	ID            MessageID     `json:"id"`
	IntegrationID IntegrationID `json:"integration_id"`
	UserID        UserID        `json:"user_id"`
	InvitationID  InvitationID  `json:"invitation_id,omitempty"`
	Kind          MessageKind   `json:"kind" enum:"invitation,code,ending,reminder,phone_revoked,test"`
	Language      Language      `json:"language" enum:"en,de"`
	Address       string        `json:"address"`
	Name          string        `json:"name" doc:"Whom it is for."`
	State         MessageState  `json:"state" enum:"queued,sent,failed,withdrawn"`
	Attempts      int           `json:"attempts" doc:"How often sending was begun."`
	Problem       string        `json:"problem,omitempty" doc:"Why it was not sent, in one sentence."`
	CreatedAt     time.Time     `json:"created_at"`
	NextAt        *time.Time    `json:"next_at,omitempty" doc:"When it is tried again, while it is queued."`
	SentAt        *time.Time    `json:"sent_at,omitempty"`
}

// AlarmKind is what administrators are written to about.
type AlarmKind string

// The kinds of alarm.
const (
	AlarmCredential AlarmKind = "credential" // a credential ends, or could not be renewed
	AlarmDrift      AlarmKind = "drift"      // somebody else changed the passkey policy
)

// AlarmKinds lists the kinds.
var AlarmKinds = []AlarmKind{AlarmCredential, AlarmDrift}

// Alarm is something that administrators should know at once.
type Alarm struct {
	Kind          AlarmKind
	IntegrationID IntegrationID
	EndsAt        *time.Time     // of a credential
	Credential    CredentialKind // that ends
	Automatic     bool           // the credential is renewed by Postern, if it can
	Problem       string         // why it could not be renewed
	Changes       []string       // of the policy, one sentence each
	Who           string         // changed it, as far as Entra's log says
}

// AlarmMessage is one mail to one administrator.
type AlarmMessage struct {
	ID              MessageID       `json:"id"`
	AdministratorID AdministratorID `json:"administrator_id"`
	Address         string          `json:"address"`
	Name            string          `json:"name"`
	State           MessageState    `json:"state"`
	Attempts        int             `json:"attempts"`
	Problem         string          `json:"problem,omitempty"`
	CreatedAt       time.Time       `json:"created_at"`
	SentAt          *time.Time      `json:"sent_at,omitempty"`
}

// Language is a language that messages are written in.
type Language string

// The languages.
const (
	English Language = "en"
	German  Language = "de"
)

// Languages lists the languages.
var Languages = []Language{English, German}

// MailSecurity says how the connection to the mail server is protected.
type MailSecurity string

// The choices. Without protection only a server on the same machine is taken.
const (
	MailSTARTTLS MailSecurity = "starttls"
	MailTLS      MailSecurity = "tls"
	MailPlain    MailSecurity = "none"
)

// MailSettings say which server sends the messages, and in whose name. They never carry the password.
type MailSettings struct {
	Version      int64        `json:"version" doc:"Grows with every change; 0 means that nothing is set."`
	Host         string       `json:"host" doc:"Mail server. Empty: no messages are sent."`
	Port         int          `json:"port" minimum:"0" maximum:"65535"`
	Security     MailSecurity `json:"security" enum:"starttls,tls,none"`
	Username     string       `json:"username,omitempty"`
	PasswordSet  bool         `json:"password_set" doc:"Whether a password is stored."`
	From         string       `json:"from" doc:"Sender's address."`
	ReplyTo      string       `json:"reply_to,omitempty"`
	Organisation string       `json:"organisation" doc:"The organisation's name, which messages speak for."`
	Help         string       `json:"help" doc:"Where users find help: a mail address, a telephone number or a web address."`
	Silent       []AlarmKind  `json:"silent,omitempty" enum:"credential,drift" doc:"What administrators are not written to about."`
	Language     Language     `json:"language,omitempty" enum:"en,de" doc:"Language of messages to administrators; English unless said otherwise."`
	PerMinute    int          `json:"per_minute" minimum:"0" maximum:"6000" doc:"How many messages are sent in a minute at most."`
}

// Configured reports whether messages can be sent.
func (s MailSettings) Configured() bool { return s.Host != "" }

// MailSettingsInput changes mail settings.
type MailSettingsInput struct {
	MailSettings
	Password       string `json:"password,omitempty" doc:"Empty keeps the stored one, as long as server and user name stay the same."`
	RemovePassword bool   `json:"remove_password,omitempty"`
}

// MailTest is what came of sending a test message.
type MailTest struct {
	At      time.Time `json:"at"`
	OK      bool      `json:"ok"`
	Code    Code      `json:"code,omitempty"`
	Message string    `json:"message"`
	Next    string    `json:"next,omitempty"`
}

// MailTestInput names who gets the test message.
type MailTestInput struct {
	To string `json:"to" format:"email"`
}

// MessageText is what an integration says in one kind of message in one language. Placeholders stand in braces, such
// as {name}; [MessagePlaceholders] lists them. The facts and the steps are Postern's and not changed here.
type MessageText struct {
	Kind      MessageKind `json:"kind" enum:"invitation,code,ending,reminder,phone_revoked"`
	Language  Language    `json:"language" enum:"en,de"`
	Subject   string      `json:"subject" maxLength:"150"`
	Intro     string      `json:"intro" maxLength:"2000"`
	Signature string      `json:"signature" maxLength:"500"`
}

// MessagePlaceholders are the words that subject, introduction and signature may hold in braces.
var MessagePlaceholders = []string{"name", "application", "organisation", "help"}

// Messages are an integration's texts and its reminder campaign.
type Messages struct {
	Version      int64         `json:"version"`
	Language     Language      `json:"language" enum:"en,de" doc:"Language of this integration's messages."`
	RevokeNotice bool          `json:"revoke_notice" doc:"Tell users by mail when the organisation removes their phone."`
	Texts        []MessageText `json:"texts" doc:"Texts that differ from Postern's own. In an answer, all texts."`
	Campaign     Campaign      `json:"campaign"`
}

// Campaign says when users are reminded who have a phone but no passkey at Entra yet, or whose invitation runs out.
type Campaign struct {
	On        bool     `json:"on"`
	FirstDays int      `json:"first_days" minimum:"1" maximum:"90" doc:"Days after the phone was paired until the first reminder."`
	EveryDays int      `json:"every_days" minimum:"1" maximum:"90" doc:"Days between reminders."`
	AtMost    int      `json:"at_most" minimum:"1" maximum:"20" doc:"Reminders one user gets at most."`
	Invited   bool     `json:"invited" doc:"Also remind once, before an open invitation runs out."`
	Weekdays  []string `json:"weekdays" doc:"Days on which reminders go out, such as mon; empty means every day."`
	FromHour  int      `json:"from_hour" minimum:"0" maximum:"23"`
	UntilHour int      `json:"until_hour" minimum:"1" maximum:"24"`
	TimeZone  string   `json:"time_zone" example:"Europe/Berlin"`
}

// CampaignPreview says what a campaign would do today.
type CampaignPreview struct {
	Due    int      `json:"due" doc:"How many users a reminder would go to if it were sent now."`
	Sample []string `json:"sample,omitempty" doc:"The names of some of those who are due."`
}

// MessagePreview is a message as it would be sent, with an invented user and a code that is none.
type MessagePreview struct {
	Subject string `json:"subject"`
	Text    string `json:"text"`
	HTML    string `json:"html"`
}
