package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/filestore"
	"github.com/postern/postern/fido/authenticator/sealedfile"
	"github.com/postern/postern/fido/authenticator/tpmseal"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/phone"
)

// passphraseEnv names the variable with the passphrase. A flag would be seen by everybody on the machine.
const passphraseEnv = "POSTERN_PHONE_PASSPHRASE"

// sealEnv names the variable that has new files sealed by the TPM: "tpm" for this machine's, "tpm:PATH" for the one
// behind another device or socket. The passphrase, if there is one, is then the TPM's to check.
const sealEnv = "POSTERN_PHONE_SEAL"

const (
	vaultLabel   = "postern phone"
	vaultVersion = 1
)

// content is what the phone's file holds.
type content struct {
	Phone           *phone.State  `json:"phone"`
	PasskeyKey      postern.Bytes `json:"passkey_key"` // seals FILE.passkeys
	CAFile          string        `json:"ca_file,omitempty"`
	AuthorityCAFile string        `json:"authority_ca_file,omitempty"`
	Link            linked        `json:"link,omitzero"`
	// Uses are sign-ins by the base64url of the credential id.
	Uses map[string]use `json:"uses,omitempty"`
}

// vault is the phone's open files. It keeps the phone's state for package phone.
type vault struct {
	path     string
	file     *sealedfile.File
	passkeys *filestore.Store
	content  content

	usesMu sync.Mutex
	used   map[string]time.Time // not in content yet
}

// notEnrolled is the error of every command that needs an enrolled phone.
func notEnrolled(path string) error {
	return postern.Errorf(postern.CodeNotFound, "No phone is enrolled in %s.", path).WithNext("Run postern-phone enroll.")
}

// path is where the phone's file lies.
func (o *options) path() (string, error) {
	if o.File != "" {
		return filepath.Abs(o.File)
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("where the phone's file lies: %w; give --file", err)
	}
	return filepath.Join(dir, "postern", "phone"), nil
}

// open opens the files of an enrolled phone.
func (o *options) open() (*vault, error) {
	path, err := o.path()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, notEnrolled(path)
	}
	unlock, err := unlocker(path, false)
	if err != nil {
		return nil, err
	}
	file, err := sealedfile.Open(path, vaultLabel, unlock)
	if err != nil {
		return nil, err
	}
	v := &vault{path: path, file: file}
	version, data, exists := file.Read()
	defer clear(data)
	switch {
	case !exists:
		err = notEnrolled(path)
	case version != vaultVersion:
		err = fmt.Errorf("%s is of version %d, this program knows %d: use a newer postern-phone", path, version, vaultVersion)
	default:
		if err = json.Unmarshal(data, &v.content); err == nil && v.content.Phone == nil {
			err = notEnrolled(path)
		}
	}
	if err == nil {
		err = v.openPasskeys()
	}
	if err != nil {
		return nil, errors.Join(err, v.close())
	}
	return v, nil
}

// create begins the files of a phone that is about to enrol. Nothing but the key is written before [vault.Save].
func (o *options) create() (*vault, error) {
	path, err := o.path()
	if err != nil {
		return nil, err
	}
	enrolled := postern.Errorf(postern.CodeConflict, "A phone is enrolled in %s already.", path).
		WithNext("Run postern-phone forget first, or give another --file.")
	if _, err := os.Stat(path); err == nil && os.Getenv(sealEnv) == "" {
		return nil, enrolled
	}
	unlock, err := unlocker(path, true)
	if err != nil {
		return nil, err
	}
	file, err := sealedfile.Open(path, vaultLabel, unlock)
	if err != nil {
		return nil, err
	}
	if _, _, exists := file.Read(); exists { // a file sealed by the TPM begins empty
		return nil, errors.Join(enrolled, file.Close())
	}
	v := &vault{path: path, file: file, content: content{PasskeyKey: make([]byte, sealedfile.KeySize)}}
	_, _ = rand.Read(v.content.PasskeyKey) // never fails: package crypto/rand ends the program instead
	// Passkeys of a phone that was here before would not open with the new key.
	if err := removeAll(path + ".passkeys"); err != nil {
		return nil, errors.Join(err, v.close())
	}
	if err := v.openPasskeys(); err != nil {
		return nil, errors.Join(err, v.close())
	}
	return v, nil
}

func (v *vault) openPasskeys() (err error) {
	v.passkeys, err = filestore.Open(v.path+".passkeys", sealedfile.WithKey(v.content.PasskeyKey), 0)
	return err
}

// Save implements [phone.Keeper].
func (v *vault) Save(_ context.Context, s *phone.State) error {
	v.content.Phone = s
	return v.save()
}

func (v *vault) save() error {
	data, err := json.Marshal(v.content)
	if err != nil {
		return err
	}
	defer clear(data)
	return v.file.Write(vaultVersion, data)
}

func (v *vault) close() error {
	var err error
	if v.passkeys != nil {
		err = v.passkeys.Close()
	}
	return errors.Join(err, v.file.Close())
}

// remove deletes the phone's files and closes them.
func (v *vault) remove() error {
	// The key goes first: without it the rest is noise.
	err := removeAll(v.path+".key", v.path+".passkeys")
	if v.passkeys != nil {
		err = errors.Join(err, v.passkeys.Close())
	}
	return errors.Join(err, v.file.Remove(), removeAll(v.path+".passkeys.lock"))
}

func removeAll(paths ...string) error {
	var errs []error
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// unlocker finds the TPM, else the passphrase, else the key beside the file, making one if allowed.
func unlocker(path string, mayMake bool) (sealedfile.Unlock, error) {
	if seal := os.Getenv(sealEnv); seal != "" {
		return byTPM(seal)
	}
	if p := os.Getenv(passphraseEnv); p != "" {
		return sealedfile.WithPassphrase([]byte(p)), nil
	}
	keyPath := path + ".key"
	text, err := os.ReadFile(keyPath)
	if errors.Is(err, fs.ErrNotExist) {
		if !mayMake {
			return nil, postern.Errorf(postern.CodeForbidden, "There is neither a passphrase in %s nor a key in %s.", passphraseEnv, keyPath).
				WithNext("Set " + passphraseEnv + " to the passphrase the phone was enrolled with.")
		}
		return makeKey(keyPath)
	}
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(keyPath); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s may be read by others: run chmod 600 %[1]s", keyPath)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != sealedfile.KeySize {
		return nil, fmt.Errorf("%s holds no key", keyPath)
	}
	return sealedfile.WithKey(key), nil
}

func byTPM(seal string) (sealedfile.Unlock, error) {
	o := tpmseal.Options{Passphrase: []byte(os.Getenv(passphraseEnv)), Mark: true}
	kind, device, elsewhere := strings.Cut(seal, ":")
	if kind != "tpm" || elsewhere && device == "" {
		return nil, postern.Errorf(postern.CodeInvalid, "%s is %q, which is no way to seal.", sealEnv, seal).WithNext("Set it to tpm, to tpm:PATH, or not at all.")
	}
	if elsewhere {
		o.Open = tpmseal.At(device)
	}
	return tpmseal.New(o), nil
}

func makeKey(keyPath string) (sealedfile.Unlock, error) {
	if err := os.MkdirAll(filepath.Dir(keyPath), 0o700); err != nil {
		return nil, err
	}
	key := make([]byte, sealedfile.KeySize)
	_, _ = rand.Read(key)
	f, err := os.OpenFile(keyPath, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintln(f, hex.EncodeToString(key))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	return sealedfile.WithKey(key), nil
}

// env is what the phone stands on.
func (v *vault) env() (phone.Env, error) {
	transport, err := trusting(v.content.CAFile)
	if err != nil {
		return phone.Env{}, err
	}
	return phone.Env{
		Keeper: v, Passkeys: v.passkeys, User: consent{}, Random: rand.Reader, Now: time.Now,
		Transport: signed.HTTP(&http.Client{Transport: transport, Timeout: postern.PhoneWaitMax + time.Minute}),
	}, nil
}

// phone gives the enrolled phone.
func (v *vault) phone() (*phone.Phone, error) {
	env, err := v.env()
	if err != nil {
		return nil, err
	}
	return phone.Open(v.content.Phone, env)
}

// trusting is a transport that trusts one certificate authority, or the system's where none is named.
func trusting(caFile string) (*http.Transport, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if caFile == "" {
		return transport, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", caFile)
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return transport, nil
}

// consent is the user of a phone without a screen: running the command was the answer.
type consent struct{}

func (consent) Verification() authenticator.Verification { return authenticator.VerificationReady }

func (consent) Present(ctx context.Context, _ authenticator.Prompt) error { return ctx.Err() }

func (consent) Verify(ctx context.Context, _ authenticator.Prompt) error { return ctx.Err() }
