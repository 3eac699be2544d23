DROP TRIGGER node_keeps_tokens ON node;
DROP FUNCTION keep_node_tokens();
DROP TABLE node_token, enrolment, machine_lease;
DROP FUNCTION keep_enrolment();
