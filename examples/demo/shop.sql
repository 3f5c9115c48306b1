create role reporting login;
create role pricing login;
create role checkout login;
create role payments login;
create role migrator login;
create role inventory login;

create table products (
    id integer primary key generated always as identity,
    name text not null,
    category text not null,
    price numeric(8, 2) not null,
    stock integer not null
);
create table orders (
    id bigint primary key generated always as identity,
    product integer not null,
    amount numeric(8, 2) not null,
    placed_at timestamptz not null default now()
);
create table payments (id bigint primary key generated always as identity, amount numeric(8, 2) not null);

insert into products (name, category, price, stock)
select 'product ' || n, (array['tea', 'coffee', 'cups', 'pots'])[1 + n % 4], 4 + n % 40, 1000000
from generate_series(1, 2000) n;
insert into orders (product, amount) select 1 + n % 2000, 4 + n % 40 from generate_series(1, 20000) n;

alter table products owner to migrator;
alter table orders owner to migrator;
grant select on products, orders to reporting;
grant select, update on products to pricing, checkout, inventory;
grant select, insert on orders to checkout;
grant select, insert on payments to payments;
