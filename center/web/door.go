package web

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/postern/postern"
)

// A ceremony is spoken between app.js and the handlers below in JSON; everything else in the console is forms.

// ceremony answers with what do returns, or with message, next and field of its error.
func (c *console) ceremony(do func(ctx context.Context, body []byte) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			c.tell(w, r, nil, postern.Errorf(postern.CodeTooLarge, "").Because(err))
			return
		}
		answer, err := do(r.Context(), body)
		c.tell(w, r, answer, err)
	})
}

// own is a ceremony of somebody who is signed in.
func (c *console) own(do func(ctx context.Context, body []byte) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := c.Door.Authenticate(r)
		if err != nil {
			c.tell(w, r, nil, err)
			return
		}
		c.ceremony(do).ServeHTTP(w, r.WithContext(who.Enter(r.Context())))
	})
}

func (c *console) tell(w http.ResponseWriter, r *http.Request, answer any, err error) {
	status := http.StatusOK
	if err != nil {
		e := postern.AsError(err)
		status = e.Status()
		if status >= http.StatusInternalServerError {
			c.Log.ErrorContext(r.Context(), "a ceremony failed", "path", r.URL.Path, "error", err)
		}
		answer = map[string]string{"message": e.Message, "next": e.Next, "field": e.Field}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		c.Log.DebugContext(r.Context(), "the answer could not be sent", "error", err)
	}
}

// claim is what the bearer of a one-time link sends.
type claim struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

func readClaim(body []byte) (claim, error) {
	var in claim
	if err := json.Unmarshal(body, &in); err != nil {
		return in, postern.Errorf(postern.CodeInvalid, "The request is not what the console sends.").WithNext("Load the page again.")
	}
	return in, nil
}

type nothing struct{}

func (c *console) beginSignIn(ctx context.Context, _ []byte) (any, error) {
	return c.Door.BeginSignIn(ctx)
}

func (c *console) finishSignIn(ctx context.Context, body []byte) (any, error) {
	_, err := c.Door.FinishSignIn(ctx, body)
	return nothing{}, err
}

func (c *console) checkWelcome(ctx context.Context, body []byte) (any, error) {
	in, err := readClaim(body)
	if err != nil {
		return nil, err
	}
	w, err := c.Door.CheckLink(ctx, in.Code)
	return map[string]string{"name": w.Name, "role_name": roleName(w.Role)}, err
}

func (c *console) beginWelcome(ctx context.Context, body []byte) (any, error) {
	in, err := readClaim(body)
	if err != nil {
		return nil, err
	}
	return c.Door.BeginWelcome(ctx, in.Code, in.Name)
}

func (c *console) finishWelcome(ctx context.Context, body []byte) (any, error) {
	_, err := c.Door.FinishWelcome(ctx, body)
	return nothing{}, err
}

func (c *console) beginAddPasskey(ctx context.Context, body []byte) (any, error) {
	in, err := readClaim(body)
	if err != nil {
		return nil, err
	}
	return c.Door.BeginAddPasskey(ctx, in.Name)
}

func (c *console) finishAddPasskey(ctx context.Context, body []byte) (any, error) {
	_, err := c.Door.FinishAddPasskey(ctx, body)
	return nothing{}, err
}
