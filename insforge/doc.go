// Package insforge is a client of PostgREST: of PostgREST itself, of Supabase,
// and of InsForge.
package insforge
