package embedded

import (
	"encoding/json"
	"net/http"
	"slices"
)

// describe answers the root: an OpenAPI document that lists the tables and
// their columns, so that tools which discover a schema from it work.
func (s *Store) describe(r *http.Request, rawQuery string) (*response, error) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		return allow("OPTIONS,GET,HEAD"), nil
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return nil, notFound
	default:
		return nil, &apiError{status: http.StatusMethodNotAllowed, code: "PGRST117", message: "Unsupported HTTP method: " + r.Method}
	}
	query, err := parseQuery(rawQuery)
	if err != nil {
		return nil, err
	}
	c, err := s.newCall(r, "", query, nil)
	if err != nil {
		return nil, err
	}
	if err := c.applyRange(); err != nil {
		return nil, err
	}
	if _, err := negotiate(r.Header, documentMedia); err != nil {
		return nil, err
	}
	type property struct {
		Format      string `json:"format"`
		Description string `json:"description,omitempty"`
		Default     string `json:"default,omitempty"`
	}
	type definition struct {
		Type       string              `json:"type"`
		Required   []string            `json:"required,omitempty"`
		Properties map[string]property `json:"properties"`
	}
	definitions := map[string]definition{}
	paths := map[string]any{}
	for name, t := range s.schema.tables {
		d := definition{Type: "object", Properties: map[string]property{}}
		for i, c := range t.columns {
			one := property{Format: c.typ.String(), Default: c.def.text}
			if t.primary != nil && slices.Contains(t.primary.columns, i) {
				one.Description = "Note:\nThis is a Primary Key.<pk/>"
			}
			d.Properties[c.name] = one
			if c.notNull {
				d.Required = append(d.Required, c.name)
			}
		}
		definitions[name] = d
		paths["/"+name] = map[string]any{}
	}
	body, err := json.Marshal(map[string]any{
		"swagger":     "2.0",
		"info":        map[string]string{"title": "Embedded PostgREST", "version": "12.0.2", "description": ""},
		"paths":       paths,
		"definitions": definitions,
	})
	if err != nil {
		return nil, err
	}
	res := newResponse(http.StatusOK)
	res.contentType, res.body = "application/openapi+json; charset=utf-8", body
	return res, nil
}
