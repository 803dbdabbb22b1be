package entrasim

import "net/http"

func (s *Server) mountControl(mux *http.ServeMux) { _ = mux }
