package telegramtest

import (
	"context"
	"regexp"
)

func (s *Server) getMe(context.Context, params) (any, error) {
	return struct {
		Person
		CanJoinGroups   bool `json:"can_join_groups"`
		CanReadMessages bool `json:"can_read_all_group_messages"`
		InlineQueries   bool `json:"supports_inline_queries"`
	}{Person: s.cfg.bot, CanJoinGroups: true}, nil
}

var commandShape = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

// setMyCommands sets the menu. Scopes and languages are accepted and share one
// menu.
func (s *Server) setMyCommands(_ context.Context, p params) (any, error) {
	var commands []Command
	if _, err := p.decode("commands", &commands); err != nil {
		return nil, badRequest("can't parse commands JSON object")
	}
	if len(commands) > 100 {
		return nil, badRequest("too many commands specified")
	}
	for _, c := range commands {
		switch {
		case !commandShape.MatchString(c.Command):
			return nil, badRequest("BOT_COMMAND_INVALID")
		case c.Description == "" || units(c.Description) > 256:
			return nil, badRequest("BOT_COMMAND_DESCRIPTION_INVALID")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return true, s.commit(record{Commands: &commands})
}

func (s *Server) deleteMyCommands(context.Context, params) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return true, s.commit(record{Commands: &[]Command{}})
}

func (s *Server) getMyCommands(context.Context, params) (any, error) {
	return append([]Command{}, s.Commands()...), nil
}

func (s *Server) getChat(_ context.Context, p params) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.chatOf(p)
	if err != nil {
		return nil, err
	}
	return c.Chat, nil
}
