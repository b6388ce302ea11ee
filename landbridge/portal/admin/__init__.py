"""The pages for owners and admins: sign-in and settings."""
