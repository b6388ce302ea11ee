"""The web portal: the pages behind emailed links, and the pages for owners and admins."""
