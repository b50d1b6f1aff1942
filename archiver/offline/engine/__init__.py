"""HTTP over sockets: one loop for all connections, answers that wait for slow readers without holding anything up.

waitress has the parts (connections, request parsing); what is here decides who works when, and what is refused.
"""
