DROP INDEX price_card_capped;
DROP TABLE capped_cursor, capped_usage, final_price;
