package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// decode reads the one JSON value of a request: no unknown keys, nothing after it.
func decode(body io.Reader, into any) error {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more after its end")
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return badRequest(errors.New("the request has no body: it wants a JSON object"))
	default:
		return badRequest(fmt.Errorf("the request's body is not right: %w", err))
	}
}

// writeAnswer writes an answer, 204 where there is none.
func writeAnswer(w http.ResponseWriter, answer any) {
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	write(w, http.StatusOK, answer)
}

// writeError writes why there is no answer.
func writeError(w http.ResponseWriter, err error) {
	code, body, allow := failure(err)
	if allow != "" {
		w.Header().Set("Allow", allow)
	}
	write(w, code, body)
}

// failure finds the status code and the words for an error.
func failure(err error) (code int, body errorBody, allow string) {
	var known *problem
	var refused *Refused
	switch {
	case errors.As(err, &known):
		return known.code, errorBody{Error: known.text}, known.allow
	case errors.As(err, &refused):
		return http.StatusUnprocessableEntity, errorBody{Error: "the configuration file is not right", Lines: refused.Lines}, ""
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound, errorBody{Error: err.Error()}, ""
	case errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable, errorBody{Error: "this mainstay is stopping"}, ""
	default:
		return http.StatusInternalServerError, errorBody{Error: err.Error()}, ""
	}
}

func write(w http.ResponseWriter, code int, value any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil { // a value that JSON has no words for, such as NaN
		b.Reset()
		code = http.StatusInternalServerError
		_ = e.Encode(errorBody{Error: "the answer can't be written: " + err.Error()})
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes()) // a client that has gone hears nothing
}
