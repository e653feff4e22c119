package standin

func (s *Server) serveControl() {}
