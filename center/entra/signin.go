package entra

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"golang.org/x/oauth2"

	"github.com/postern/postern"
)

// SignInRequest is a sign-in of one user at the identity platform (OpenID Connect Core §3.1), by which they prove who
// they are. No permission is asked for.
type SignInRequest struct {
	RedirectURI string // registered on the application, of the type Web
	State       string
	Nonce       string
	Verifier    string // RFC 7636
	LoginHint   string // user principal name; may be empty
	Language    string // for the page; may be empty
}

// SignedIn is who signed in.
type SignedIn struct {
	ObjectID string
	UPN      string // for people; it identifies nobody
	At       time.Time
}

// signInFreshness is how long ago the user may have given their credentials, clocks apart.
const signInFreshness = 10 * time.Minute

// signInSkew is how far the identity platform's clock may be from ours.
const signInSkew = 5 * time.Minute

// SignInURL is where the browser goes. The user has to give their credentials anew: that a browser is signed in does
// not say that its user sits before it.
func (t *Tenant) SignInURL(ctx context.Context, r SignInRequest) (string, error) {
	config, _, err := t.signIn(ctx, r.RedirectURI)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{
		oauth2.S256ChallengeOption(r.Verifier), oidc.Nonce(r.Nonce), oauth2.SetAuthURLParam("prompt", "login"),
		oauth2.SetAuthURLParam("max_age", strconv.Itoa(0)), oauth2.SetAuthURLParam("response_mode", "query"),
		// Entra gives auth_time to who asks for it (OpenID Connect Core §5.5).
		oauth2.SetAuthURLParam("claims", `{"id_token":{"auth_time":{"essential":true}}}`),
	}
	if r.LoginHint != "" {
		options = append(options, oauth2.SetAuthURLParam("login_hint", r.LoginHint))
	}
	if r.Language != "" {
		options = append(options, oauth2.SetAuthURLParam("ui_locales", r.Language))
	}
	return config.AuthCodeURL(r.State, options...), nil
}

// RedeemSignIn trades the code that the browser came back with for the identity of who signed in. Everything in the ID
// token is checked: signature, issuer, audience, time, nonce, tenant, and how long ago the user gave their credentials.
func (t *Tenant) RedeemSignIn(ctx context.Context, r SignInRequest, code string) (SignedIn, error) {
	var none SignedIn
	config, provider, err := t.signIn(ctx, r.RedirectURI)
	if err != nil {
		return none, err
	}
	ctx = oidc.ClientContext(ctx, t.sender.client)
	options := []oauth2.AuthCodeOption{oauth2.VerifierOption(r.Verifier)}
	if t.cert != nil {
		assertion, err := t.clientAssertion(config.Endpoint.TokenURL)
		if err != nil {
			return none, err
		}
		options = append(options,
			oauth2.SetAuthURLParam("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
			oauth2.SetAuthURLParam("client_assertion", assertion))
	}
	token, err := config.Exchange(ctx, code, options...)
	if err != nil {
		return none, t.signInRefusal(ctx, err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return none, signInRefused("Entra gave no ID token.", nil)
	}
	return t.verifySignIn(ctx, provider, r.Nonce, raw)
}

func (t *Tenant) verifySignIn(ctx context.Context, provider *oidc.Provider, nonce, raw string) (SignedIn, error) {
	var none SignedIn
	id, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: t.opts.ClientID, Now: t.opts.Now}).Verify(ctx, raw)
	if err != nil {
		return none, signInRefused("The ID token of the sign-in does not verify.", t.scrubbed(err))
	}
	var c struct {
		Object   string `json:"oid"`
		Tenant   string `json:"tid"`
		UPN      string `json:"preferred_username"`
		AuthTime int64  `json:"auth_time"`
	}
	if err := id.Claims(&c); err != nil {
		return none, signInRefused("The ID token of the sign-in cannot be read.", err)
	}
	now, at := t.opts.Now(), time.Unix(c.AuthTime, 0)
	if c.AuthTime == 0 {
		at = id.IssuedAt // the request demanded credentials; a platform that leaves the claim out says when it had them
	}
	switch {
	case nonce == "" || id.Nonce != nonce:
		return none, signInRefused("The ID token belongs to another sign-in.", nil)
	case !strings.EqualFold(c.Tenant, t.opts.TenantID):
		return none, signInRefused("The ID token is of another tenant.", nil)
	case c.Object == "":
		return none, signInRefused("The ID token does not say who signed in.", nil)
	case at.Before(now.Add(-signInFreshness)) || at.After(now.Add(signInSkew)):
		return none, signInRefused("The credentials for this sign-in were not given just now.", nil)
	}
	return SignedIn{ObjectID: c.Object, UPN: t.tidy(c.UPN), At: at}, nil
}

// signIn prepares the flow. What it needs of the identity platform is public.
func (t *Tenant) signIn(ctx context.Context, redirect string) (*oauth2.Config, *oidc.Provider, error) {
	c := t.opts.Credential
	if c.Kind == postern.CredentialServiceAccount {
		return nil, nil, postern.Errorf(postern.CodeSignInRefused, "Users cannot sign in here: the integration uses a service account, which cannot vouch for a sign-in.").
			WithNext("Give the integration a certificate or a client secret, or take the Entra sign-in out of the proofs.")
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, t.sender.client), t.opts.Cloud.Authority+"/"+t.opts.TenantID+"/v2.0")
	if err != nil {
		return nil, nil, postern.Errorf(postern.CodeEntraUnreachable, "Entra's description of its sign-in could not be read.").Because(t.scrubbed(err))
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInParams
	return &oauth2.Config{
		ClientID: t.opts.ClientID, ClientSecret: c.ClientSecret, Endpoint: endpoint, RedirectURL: redirect, Scopes: []string{oidc.ScopeOpenID, "profile"},
	}, provider, nil
}

// clientAssertion proves the application by its certificate (RFC 7523 §3).
func (t *Tenant) clientAssertion(audience string) (string, error) {
	now := t.opts.Now()
	thumbprint := sha256.Sum256(t.cert.chain[0].Raw)
	token := jwt.NewWithClaims(jwt.SigningMethodPS256, jwt.RegisteredClaims{
		Issuer: t.opts.ClientID, Subject: t.opts.ClientID, Audience: jwt.ClaimStrings{audience}, ID: uuid.NewString(),
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(5 * time.Minute)),
	})
	token.Header["x5t#S256"] = base64.RawURLEncoding.EncodeToString(thumbprint[:])
	signed, err := token.SignedString(t.cert.key)
	if err != nil {
		return "", postern.Errorf(postern.CodeInternal, "").Because(t.scrubbed(err))
	}
	return signed, nil
}

// signInRefusal says why the code was not taken. The library's error holds the whole answer, which is not repeated.
func (t *Tenant) signInRefusal(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) || refused.Response == nil || refused.Response.StatusCode >= http.StatusInternalServerError {
		return postern.Errorf(postern.CodeEntraUnavailable, "").Because(t.scrubbed(err))
	}
	if refused.ErrorCode == "invalid_client" {
		return postern.Errorf(postern.CodeEntraSecretWrong, "Entra does not take the application's credential, so the sign-in could not be completed.").Because(t.scrubbed(err))
	}
	return signInRefused("Entra does not take the code of this sign-in.", t.scrubbed(err))
}

func signInRefused(message string, cause error) error {
	return postern.Errorf(postern.CodeSignInRefused, "%s", message).Because(cause)
}
