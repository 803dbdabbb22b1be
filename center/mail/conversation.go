package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strings"
	"syscall"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/postern/postern"
)

const (
	dialTime = 15 * time.Second
	sendTime = 45 * time.Second
)

// conversation is an open connection to the mail server, signed in.
type conversation struct {
	client   *gomail.Client
	smtp     *smtp.Client
	settings postern.MailSettings
	password string
	now      func() time.Time
	broken   bool // no further message can be sent over it
}

// dial opens a conversation. What goes wrong is told as a person can mend it.
func (s *Service) dial(ctx context.Context, set postern.MailSettings) (*conversation, error) {
	if !set.Configured() {
		return nil, postern.Errorf(postern.CodeMailOff, "")
	}
	password, err := s.password(ctx)
	if err != nil {
		return nil, err
	}
	// The dialer notes how far it came: the library folds errors of all steps into one.
	var opened net.Conn
	dialer := &net.Dialer{Timeout: dialTime}
	open := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if remote, ok := conn.RemoteAddr().(*net.TCPAddr); set.Security == postern.MailPlain && (!ok || !remote.IP.IsLoopback()) {
			return nil, errors.Join(errNotLoopback, conn.Close())
		}
		opened = conn
		if set.Security != postern.MailTLS {
			return conn, nil
		}
		secured := tls.Client(conn, s.tls(set))
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(&tlsError{err}, conn.Close())
		}
		return secured, nil
	}
	options := []gomail.Option{
		gomail.WithPort(set.Port), gomail.WithTimeout(sendTime), gomail.WithTLSConfig(s.tls(set)), gomail.WithDialContextFunc(open),
		gomail.WithHELO(helloName(set.From)), gomail.WithoutNoop(),
	}
	switch set.Security {
	case postern.MailSTARTTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case postern.MailTLS:
		options = append(options, gomail.WithSSL())
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if set.Username != "" {
		options = append(options, gomail.WithOpportunisticSMTPAuth(
			gomail.SMTPAuthSCRAMSHA256PLUS, gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1PLUS, gomail.SMTPAuthSCRAMSHA1,
			gomail.SMTPAuthCramMD5, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin,
		), gomail.WithUsername(set.Username), gomail.WithPassword(password))
	}
	client, err := gomail.NewClient(set.Host, options...)
	if err != nil {
		return nil, postern.Errorf(postern.CodeMailServer, "The mail settings cannot be used: %s.", err)
	}
	line := &conversation{client: client, settings: set, password: password, now: s.Now}
	if line.smtp, err = client.DialToSMTPClientWithContext(ctx); err != nil {
		if opened != nil {
			_ = opened.Close() // the library leaves it open; that it may be closed already is no matter
		}
		return nil, explainDial(set, err, opened != nil, line.redact)
	}
	return line, nil
}

func (s *Service) tls(set postern.MailSettings) *tls.Config {
	return &tls.Config{ServerName: set.Host, MinVersion: tls.VersionTLS12, RootCAs: s.Roots}
}

// helloName is how this program names itself to mail servers (RFC 5321 §4.1.1.1): by the sender's domain, which says no
// more of this machine than the messages do.
func helloName(from string) string {
	if _, domain, ok := strings.Cut(from, "@"); ok {
		return domain
	}
	return "localhost"
}

var errNotLoopback = errors.New("mail: the unprotected mail server is not on this machine")

// tlsError marks a failure of the handshake.
type tlsError struct{ cause error }

func (e *tlsError) Error() string { return e.cause.Error() }
func (e *tlsError) Unwrap() error { return e.cause }

// explainDial says in words why no conversation came about.
func explainDial(set postern.MailSettings, err error, connected bool, redact func(string) string) error {
	at := net.JoinHostPort(set.Host, fmt.Sprint(set.Port))
	var name *net.DNSError
	var reply *textproto.Error
	var handshake *tlsError
	var verification *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return postern.Errorf(postern.CodeMailServer, "There is no server with the name %s.", set.Host).WithNext("Check the spelling of the mail server's name.").OnField("host").Because(err)
	case errors.As(err, &name):
		return postern.Errorf(postern.CodeMailServer, "The name %s could not be looked up.", set.Host).WithNext("Check the name and this machine's DNS.").OnField("host").Because(err)
	case errors.Is(err, errNotLoopback):
		return postern.Errorf(postern.CodeMailTLS, "Without protection only a mail server on this machine is taken, and %s is elsewhere.", set.Host).OnField("security")
	case errors.Is(err, syscall.ECONNREFUSED):
		return postern.Errorf(postern.CodeMailServer, "Nobody answers at %s.", at).WithNext("Check the port, and that the mail server is running.").OnField("port").Because(err)
	case !connected && errors.Is(err, context.Canceled):
		return err
	case !connected:
		return postern.Errorf(postern.CodeMailServer, "The mail server at %s cannot be reached.", at).Because(err)
	case errors.As(err, &verification), errors.As(err, &unknown):
		return postern.Errorf(postern.CodeMailTLS, "The certificate of %s is not trusted: %s.", set.Host, certificateFault(err)).
			WithNext("Use the name that stands in the certificate, and have this machine trust who issued it.").OnField("host").Because(err)
	case errors.As(err, &record):
		return postern.Errorf(postern.CodeMailTLS, "%s does not speak TLS from the start.", at).WithNext("Choose STARTTLS, or the port for TLS, which is 465 at most providers.").OnField("security").Because(err)
	case errors.As(err, &handshake):
		return postern.Errorf(postern.CodeMailTLS, "No protected connection to %s came about.", at).OnField("security").Because(err)
	case strings.Contains(err.Error(), "not support STARTTLS"):
		return postern.Errorf(postern.CodeMailTLS, "%s does not offer STARTTLS.", at).WithNext("Choose TLS, which is on port 465 at most providers, or another port.").OnField("security").Because(err)
	case errors.As(err, &reply) && (reply.Code/10 == 53 || reply.Code == 454 || reply.Code == 432):
		return postern.Errorf(postern.CodeMailLogin, "%s refused the user name or password: %s", set.Host, serverWords(reply, redact)).OnField("password").Because(redacted(err, redact))
	case strings.Contains(err.Error(), "AUTH"):
		return postern.Errorf(postern.CodeMailLogin, "%s offers no way to sign in that can be used here.", set.Host).WithNext("Remove the user name, or ask whoever runs the mail server.").OnField("username").Because(redacted(err, redact))
	case errors.As(err, &reply):
		return postern.Errorf(postern.CodeMailServer, "%s refused the connection: %s", set.Host, serverWords(reply, redact)).Because(redacted(err, redact))
	}
	return postern.Errorf(postern.CodeMailServer, "The connection to %s broke off.", at).
		WithNext("Check the kind of protection: a server that expects TLS from the start does not answer without it.").OnField("security").Because(err)
}

// redacted keeps of an error only its text without secrets.
func redacted(err error, redact func(string) string) error { return errors.New(redact(err.Error())) }

func certificateFault(err error) string {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &host):
		return "it is for another name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "it is not valid today"
	case errors.As(err, &authority):
		return "this machine does not know who issued it"
	}
	return "it does not stand the check"
}

// serverWords are the mail server's own, bounded and without secrets.
func serverWords(reply *textproto.Error, redact func(string) string) string {
	const most = 200
	text := []rune(headerText(redact(reply.Msg)))
	if len(text) > most {
		text = append(text[:most-1], '…')
	}
	return fmt.Sprintf("%d %s", reply.Code, string(text))
}

// refusal is a server's answer to one message.
type refusal struct {
	problem *postern.Error
	final   bool // trying again is of no use
}

func (r *refusal) Error() string { return r.problem.Error() }
func (r *refusal) Unwrap() error { return r.problem }

// message makes a mail of a letter. Every value that came from elsewhere was checked or cleaned before: addresses by
// checkAddress, subject and names by headerText.
func (c *conversation) message(m Entry, letter postern.MessagePreview) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithEncoding(gomail.EncodingQP), gomail.WithNoDefaultUserAgent())
	sender := displayName(c.settings.Organisation)
	msg.FromMailAddress(&netmail.Address{Name: sender, Address: c.settings.From})
	for _, address := range []string{c.settings.From, m.Address} {
		if err := checkAddress(address); err != nil {
			return nil, fmt.Errorf("mail: %w", err)
		}
	}
	msg.ToMailAddress(&netmail.Address{Name: displayName(m.Name), Address: m.Address})
	if c.settings.ReplyTo != "" {
		if err := msg.ReplyTo(c.settings.ReplyTo); err != nil {
			return nil, fmt.Errorf("mail: %w", err)
		}
	}
	msg.Subject(letter.Subject)
	msg.SetMessageIDWithValue(string(m.ID) + "@" + helloName(c.settings.From))
	msg.SetDateWithValue(m.CreatedAt)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 §5: no out-of-office answers
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetGenHeader("Content-Language", string(m.Language))
	msg.SetBodyString(gomail.TypeTextPlain, letter.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, letter.HTML)
	return msg, nil
}

// send hands a message over. A *refusal says what the server had against it.
func (c *conversation) send(ctx context.Context, m Entry, letter postern.MessagePreview, secret string) error {
	msg, err := c.message(m, letter)
	if err != nil {
		return &refusal{postern.Errorf(postern.CodeMailAddress, "The address cannot be written to.").Because(err), true}
	}
	// The library takes no context here; the connection's deadline bounds it.
	if err := c.smtp.UpdateDeadline(sendTime); err != nil {
		c.broken = true
		return postern.Errorf(postern.CodeMailServer, "The connection to the mail server broke off.").Because(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.smtp.UpdateDeadline(0) })
	defer stop()
	err = c.client.SendWithSMTPClient(c.smtp, msg)
	if err == nil {
		return nil
	}
	c.broken = true // what the server thinks the conversation is about is not certain any more
	if msg.IsDelivered() {
		return nil // the server took it, and stumbled over what came after
	}
	return c.explainSend(msg, err, secret)
}

func (c *conversation) explainSend(msg *gomail.Msg, err error, secret string) error {
	redact := func(text string) string {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[withheld]")
		}
		return c.redact(text)
	}
	var failed *gomail.SendError
	if !errors.As(err, &failed) && !errors.As(msg.SendError(), &failed) || failed.ErrorCode() == 0 {
		return postern.Errorf(postern.CodeMailServer, "The connection to the mail server broke off.").Because(redacted(err, redact))
	}
	code, what := postern.CodeMailRefused, "The mail server refused the message"
	switch failed.Reason {
	case gomail.ErrSMTPMailFrom:
		code, what = postern.CodeMailSender, "The mail server refused the sender "+c.settings.From
	case gomail.ErrSMTPRcptTo:
		code, what = postern.CodeMailRecipient, "The mail server refused the recipient"
	}
	problem := postern.Errorf(code, "%s: %s", what, replyWords(failed, redact)).Because(redacted(err, redact))
	return &refusal{problem, failed.ErrorCode()/100 == 5}
}

// replyWords finds the server's words in an error of the library, which keeps only the number apart.
func replyWords(failed *gomail.SendError, redact func(string) string) string {
	text := failed.Error()
	if _, after, ok := strings.Cut(text, fmt.Sprint(failed.ErrorCode())+" "); ok {
		text = after
	}
	text, _, _ = strings.Cut(text, ", affected ")
	return serverWords(&textproto.Error{Code: failed.ErrorCode(), Msg: text}, redact)
}

// redact takes the password out of what a server says.
func (c *conversation) redact(text string) string {
	if c.password == "" {
		return text
	}
	return strings.ReplaceAll(text, c.password, "[withheld]")
}

// close ends the conversation; nil is none.
func (c *conversation) close() {
	if c != nil {
		_ = c.client.CloseWithSMTPClient(c.smtp) // all that mattered was answered before
	}
}
